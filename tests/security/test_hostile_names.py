"""Promise 37 as an attack: whatever can have a name has a hostile one, and every page, admin page and mail is read.

The pages are found by walking the URL configuration and the admin's registry.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from credentials.models import ApiIntegration, ConsumerIdentityProvider, Credential, Domain, Ending, Notice
from credentials.services import mails, notices
from organizations import invitations, services
from organizations.access import Access, enter
from organizations.audit import Actor
from organizations.models import Account, Bot, Organization, Role, ServiceToken
from organizations.policies import Action
from tests.security.markup import TURNING, Inspection
from tests.security.test_tenants import PAGES, furnish
from tests.support.people import Cast
from tests.support.second_factor import sign_in_staff
from tests.support.wizard import signed_in

pytestmark = pytest.mark.django_db

MARKUP = (
    "\"><img src=x onerror=alert(1)></title></textarea><script>alert(1)</script>' autofocus onfocus=alert(1) {{ a }}"
)
TURNED = "\u202egnp.exe\u2066orders"
NAMES = {"markup and marks": MARKUP + TURNED, "255 emoji": "🦊" * 255}


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(cast: Cast, name: str) -> dict[str, Any]:
    """One of everything, all of it named alike."""
    values = furnish(cast.organization, cast.alice)
    account = cast.account
    provider = ConsumerIdentityProvider(
        account=account, flow="code", display_name=name[:100], issuer="https://idp.example", client_id=name[:200]
    )
    provider.seal("secrets", {"client_secret": "canary"})
    provider.save()
    for model in (Bot, Credential, Domain, ApiIntegration, ServiceToken):
        model._default_manager.filter(organization=cast.organization).update(name=name)
    Account.objects.filter(pk=account.pk).update(name=name)
    Organization.objects.filter(pk=cast.organization.pk).update(name=name)
    Credential.objects.update(created_by=cast.bob, updated_by=cast.bob, payload={**payload_of(), "client_id": name})
    User.objects.filter(pk=cast.bob.pk).update(username=name[:150], email="bob@example.com")
    User.objects.filter(pk=cast.alice.pk).update(email="alice@example.com")
    organization = Organization.objects.select_related("account").get(pk=cast.organization.pk)
    services.create_bot(Actor("user", str(cast.bob.pk), name), organization, f"{name[:200]} too")
    notices.needs_somebody(Credential.objects.get(), "needs_authorization", "invalid_grant")  # type: ignore[arg-type]
    return {**values, "number": account.number}


def payload_of() -> dict[str, Any]:
    return dict(Credential.objects.get().payload)


def assert_inert(page: Any, where: str) -> Inspection:
    """Nothing of the name runs, and it turns nothing around beside itself."""
    found = Inspection(page.content.decode())
    assert found.runs == [], where
    assert found.turned == [], where
    return found


def test_promise_37_every_page_and_message_shows_a_hostile_name_as_text(
    cast: Cast, house: dict[str, Any], name: str
) -> None:
    alice = signed_in(cast.alice)
    shown = 0
    pages = [page for page in PAGES if page.name != "organizations:activity-export"]
    for page in pages:
        answer = alice.get(page.path(house))
        if answer.status_code == 200:
            shown += " ".join(name.split())[:40] in assert_inert(answer, page.name).text
    assert shown > 20
    assert_inert(alice.get(reverse("credentials:identity-provider", args=[house["number"]])), "identity provider")
    # What is pressed says something about it, on the page that follows.
    said = 0
    for page in pages:
        answer = alice.post(page.path(house), follow=True)
        if answer.status_code in (200, 422):
            text = assert_inert(answer, f"POST {page.name}").text
            said += any(name[:20] in str(each) for each in answer.context["messages"]) and name[:20] in text
    assert said >= 3


@pytest.mark.parametrize("name", [MARKUP])
def test_promise_37_every_admin_page_shows_a_hostile_name_as_text(cast: Cast, house: dict[str, Any], name: str) -> None:
    root = sign_in_staff(Client(), User.objects.create_superuser("root"))
    shown = 0
    for model in admin.site._registry:
        row = model._default_manager.first()
        for address in admin_addresses(model, row):
            answer = root.get(address)
            if answer.status_code == 200:
                found = Inspection(answer.rendered_content if hasattr(answer, "rendered_content") else "")
                assert found.runs == [], address
                shown += " ".join(name.split())[:30] in found.text
    assert shown > 15


def admin_addresses(model: Any, row: Any) -> list[str]:
    start, found = f"admin:{model._meta.app_label}_{model._meta.model_name}", []
    for page, args in (
        ("changelist", []),
        *((each, [row.pk]) for each in ("change", "delete", "history") if row is not None),
    ):
        try:
            found.append(reverse(f"{start}_{page}", args=args))
        except NoReverseMatch:
            continue
    return found


def test_promise_37_a_hostile_name_is_inert_in_every_mail(
    cast: Cast, house: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = Organization.objects.select_related("account").get(pk=cast.organization.pk)
    ending = Ending.objects.filter(organization=organization).first()
    assert ending is not None
    notices.expiring(organization, [ending], timezone.now())
    notices.provider_down(organization, "login.example.com")
    later = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr(mails, "database_now", lambda: later)
    mails.gather()
    sent = [mails.send(each) for each in mails.waiting()]
    invitations.invite(alice_of(cast), organization, "eve@example.com", Role.VIEWER)
    assert sum(sent) >= 1
    assert len(mail.outbox) == sum(sent) + 1
    assert Notice.objects.count() == 3
    for each in mail.outbox:
        assert each.subject.isprintable()
        assert not TURNING & set(each.subject + each.body)
        assert all(line.isprintable() for line in each.body.split("\n"))
        assert each.message().as_bytes()
        assert each.content_subtype == "plain"


def alice_of(cast: Cast) -> Access:
    return enter(cast.alice, cast.organization.pk, Action.MANAGE_MEMBERS)


@pytest.mark.parametrize("broken", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_promise_37_a_name_cannot_begin_a_line_of_its_own_in_a_mail(
    cast: Cast, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a name is one line by the rule for names, and several to whatever reads the mail."""
    hostile = f"Travel{broken}Sign in again: https://evil.example/"
    Organization.objects.filter(pk=cast.organization.pk).update(name=hostile)
    Account.objects.filter(pk=cast.account.pk).update(name=hostile)
    User.objects.filter(pk=cast.alice.pk).update(email="alice@example.com")
    organization = Organization.objects.select_related("account").get(pk=cast.organization.pk)
    notices.provider_down(organization, "login.example.com")
    later = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr(mails, "database_now", lambda: later)
    mails.gather()
    assert [mails.send(each) for each in mails.waiting()] == [True]
    (sent,) = mail.outbox
    assert not [line for line in sent.body.splitlines() if line.startswith("Sign in again")]
    assert len(sent.subject.splitlines()) == 1


def test_every_model_of_ours_is_in_the_admin_that_was_walked() -> None:
    registered = set(admin.site._registry)
    ours = {model for app in ("organizations", "credentials") for model in apps.get_app_config(app).get_models()}
    assert {model.__name__ for model in ours - registered} <= {"KeyCheck", "TokenEndpoint", "Invitation", "AuditChain"}
