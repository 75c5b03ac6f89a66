"""29: every page and every call x another organization is 404 and changes nothing; every role x every page as
`policies.py` says. The pages are found by walking the URL configuration.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from credentials.models import Authorization, ConsumerChallenge, Draft
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.services import domains
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Membership, Organization, Role
from organizations.policies import Action, allows
from tests.api.conftest import Caller, caller_of
from tests.support.addresses import Address, every_address, everything_stored
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.people import Cast
from tests.support.wizard import signed_in

__all__ = ["caller_of"]

pytestmark = pytest.mark.django_db

STAGE = Actor.command("test")
EVERYWHERE = every_address()
PAGES = [each for each in EVERYWHERE if "organization_id" in each.arguments]
# Arguments that choose a step or a format.
NO_OBJECTS = {"slug", "form"}
WITH_AN_OBJECT = [each for each in PAGES if set(each.arguments) - {"organization_id"} - NO_OBJECTS]
CALLS = [each for each in EVERYWHERE if each.name.startswith("api:")]
CALLS_ABOUT_A_ROW = [each for each in CALLS if each.arguments]
# Those that belong to no organization, each with the tests that say who gets in.
ELSEWHERE = {
    "login": "tests/organizations/test_sign_in.py",
    "logout": "tests/organizations/test_pages.py",
    "organizations:list": "tests/organizations/test_pages.py",
    "oauth2-callback": "tests/security/test_oauth_state.py",
    "health-live": "tests/botaccounts/test_health.py",
    "health-ready": "tests/botaccounts/test_health.py",
    "credentials:consumer-link": "tests/consumers/test_challenges.py",
    "credentials:consumer-result": "tests/consumers/test_challenges.py",
    "credentials:consumer-callback": "tests/consumers/test_challenges.py",
    "credentials:identity-provider": "tests/consumers/test_identity_provider_page.py",
    "api-docs": "tests/api/test_reference.py",
    "invitation": "tests/organizations/test_invitations.py",
    "metrics": "tests/botaccounts/test_metrics.py",
    "password": "tests/organizations/test_invitations.py",
    "api:api-root": "tests/api/test_door.py",
    "api:openapi-json": "tests/api/test_door.py",
}
# A page that everybody may open, with a button that not everybody may press.
TO_CHANGE: dict[str, Action] = {}


def furnish(organization: Organization, owner: User) -> dict[str, Any]:
    """One of everything that an address can name, in one organization."""
    now = database_now()
    credential = make_credential(organization, "Orders")
    give_token(credential)
    challenge = ConsumerChallenge.objects.create(
        credential=credential,
        organization=organization,
        account=organization.account,
        conversation="c-1",
        handle_digest=uuid.uuid4().hex,
        status=ChallengeStatus.WAITING,
        created_at=now,
        expires_at=now,
    )
    draft = Draft(organization=organization, owner=owner, expires_at=now)
    draft.seal("data", {})
    draft.save()
    authorization = Authorization.objects.create(
        credential=credential,
        organization=organization,
        user=owner,
        state_digest=uuid.uuid4().hex,
        nonce_digest="",
        created_at=now,
        expires_at=now,
    )
    integration = make_integration(organization, "https://api.example.com/orders", credential=credential)
    token, _ = services.create_service_token(STAGE, organization, "Concierge", now + timedelta(days=30))
    return {
        "organization_id": organization.pk,
        "credential_id": credential.pk,
        "challenge_id": challenge.pk,
        "draft_id": draft.pk,
        "slug": "resource",
        "form": "csv",
        "authorization_id": authorization.pk,
        "integration_id": integration.pk,
        "bot_id": integration.bot_id,
        "domain_id": domains.create(STAGE, organization, name="Travel", credential=None).pk,
        "member_id": Membership.objects.get(organization=organization, user=owner).pk,
        "token_id": token.pk,
    }


@pytest.fixture
def house(cast: Cast) -> dict[str, Any]:
    return furnish(cast.organization, cast.alice)


@pytest.fixture
def elsewhere(cast: Cast) -> dict[str, Any]:
    return furnish(cast.other_organization, cast.charlie)


def outsiders(cast: Cast) -> dict[str, Client]:
    disabled = User.objects.create(username="gone", is_active=True)
    services.add_member(STAGE, cast.organization, "gone", Role.ADMINISTRATOR)
    gone = signed_in(disabled)
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    staff = User.objects.create(username="staff", is_staff=True, is_superuser=True)
    return {"charlie": signed_in(cast.charlie), "staff": signed_in(staff), "gone": gone, "nobody": Client()}


def test_every_address_belongs_to_an_organization_or_says_why_not() -> None:
    unknown = {each.name for each in EVERYWHERE} - {each.name for each in (*PAGES, *CALLS)} - set(ELSEWHERE)
    assert not unknown
    assert all(each.action for each in PAGES)
    assert len(PAGES) > 25
    assert len(CALLS_ABOUT_A_ROW) > 4


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_promise_29_nobody_from_outside_gets_into_a_page_or_changes_anything(
    cast: Cast, house: dict[str, Any], page: Address
) -> None:
    people = outsiders(cast)
    before = everything_stored()
    for who, client in people.items():
        for answer in (client.get(page.path(house)), client.post(page.path(house))):
            if who in ("gone", "nobody") and answer.status_code == 302:
                assert answer["Location"].startswith(reverse("login"))
            else:
                assert answer.status_code in (404, 405), who
    assert everything_stored() == before


@pytest.mark.parametrize("page", WITH_AN_OBJECT, ids=str)
def test_promise_29_an_object_of_another_organization_is_not_found_under_ones_own(
    cast: Cast, house: dict[str, Any], elsewhere: dict[str, Any], page: Address
) -> None:
    charlie = signed_in(cast.charlie)
    before = everything_stored()
    for foreign in set(page.arguments) - {"organization_id", *NO_OBJECTS}:
        mixed = page.path({**elsewhere, foreign: house[foreign]})
        for answer in (charlie.get(mixed), charlie.post(mixed)):
            # A draft that is not one's own is begun anew, in one's own organization.
            assert answer.status_code in ((302, 303, 404) if foreign == "draft_id" else (404, 405)), foreign
    assert everything_stored() == before


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_promise_29_a_role_opens_what_it_may_and_a_refusal_is_recorded(
    cast: Cast, house: dict[str, Any], page: Address, role: Role
) -> None:
    client = signed_in(cast.by_role(role))
    allowed = allows(role, Action(str(page.action)))
    opened = client.get(page.path(house)).status_code
    assert opened in ((200, 302, 303, 404, 405) if allowed else (403, 405))
    if allowed and allows(role, TO_CHANGE.get(page.name, Action(str(page.action)))):
        return
    before = everything_stored()
    refused = AuditEntry.objects.filter(action="access.denied").count()
    assert client.post(page.path(house)).status_code in (403, 405)
    assert everything_stored() == before
    if client.post(page.path(house)).status_code == 403:
        assert AuditEntry.objects.filter(action="access.denied").count() > refused


@pytest.mark.parametrize("call", CALLS_ABOUT_A_ROW, ids=str)
def test_promise_29_a_service_token_of_another_organization_finds_nothing(
    cast: Cast, house: dict[str, Any], call: Address, caller_of: Callable[[Organization], Caller]
) -> None:
    charlies = caller_of(cast.other_organization)
    before = everything_stored()
    path = call.path(house).removeprefix("/api/v1/")
    bodies = ({"conversation": "c-1"}, {"code": "123456"})
    answers = [charlies.get(path), *(charlies.post(path, body) for body in bodies)]
    statuses = {each.status_code for each in answers}
    assert 404 in statuses
    assert statuses <= {404, 405, 422}
    assert not any(b"Orders" in each.content for each in answers)
    assert stored_but_for_use(everything_stored()) == stored_but_for_use(before)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_promise_29_without_a_service_token_no_call_is_answered(house: dict[str, Any], call: Address) -> None:
    if call.name in ELSEWHERE:
        return
    path = call.path(house)
    assert {Client().get(path).status_code, Client().post(path).status_code} <= {401, 405}


def stored_but_for_use(stored: dict[str, Any]) -> dict[str, Any]:
    """A service token was used, though in vain."""
    return {table: rows for table, rows in stored.items() if table != "organizations.servicetoken"}
