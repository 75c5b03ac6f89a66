"""Staff deactivate a credential: nothing serves it any more, and it goes on where it was once it is activated."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from credentials import runtime
from credentials.models import Authorization, Credential, OAuthToken
from credentials.models.credential import Status
from credentials.services import activation, challenges, listing, sweep
from credentials.services.listing import EXPIRING, Query
from credentials.services.refresh import Outcome, refresh
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.credentials import ACCESS_TOKEN, give_token, make_credential
from tests.support.lying_server import LyingServer, lying_server, serve, token_answer
from tests.support.people import Cast
from tests.support.second_factor import sign_in_staff

__all__ = ["lying_server", "serve"]

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")
REASON = "the staff of Bot Accounts deactivated it"


@pytest.fixture
def credential(cast: Cast, lying_server: LyingServer, settings: Any) -> Credential:
    """One whose token lives and is due."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    lying_server.answers(token_answer("canary-at-2"))
    credential = make_credential(cast.organization, "Orders", token_url=lying_server.url("/token"))
    give_token(credential, refresh_at=timezone.now() - timedelta(seconds=5))
    return credential


def off(credential: Credential) -> Credential:
    assert activation.deactivate(STAFF, credential)
    credential.refresh_from_db()
    return credential


def test_nothing_is_served_any_more_and_nothing_is_renewed(credential: Credential, lying_server: LyingServer) -> None:
    assert runtime.make_ready(credential, actor=STAFF).material.token
    off(credential)
    with pytest.raises(runtime.NeedsAuthorization, match=REASON):
        runtime.make_ready(credential, actor=STAFF)
    assert sweep.due_renewals() == []
    assert refresh(credential.pk, actor=STAFF) is Outcome.NOT_DUE
    assert lying_server.requests == []


@pytest.mark.parametrize("kind", ["basic", "access_token", "consumer_authentication", "consumer_pre_authentication"])
def test_no_type_is_served(cast: Cast, kind: str) -> None:
    credential = Credential.objects.create(
        organization=cast.organization, account=cast.account, name="Any", kind=kind, deactivated_at=timezone.now()
    )
    with pytest.raises(runtime.NeedsAuthorization, match=REASON):
        runtime.make_ready(credential, actor=STAFF, on_behalf=runtime.OnBehalf("consumer", "conversation"))


def test_a_renewal_that_was_under_way_does_not_start_the_next_one(
    credential: Credential, lying_server: LyingServer
) -> None:
    off(credential)
    OAuthToken.objects.filter(pk=credential.pk).update(refresh_at=timezone.now() - timedelta(seconds=5))
    assert sweep.due_renewals() == [credential.pk]
    assert refresh(credential.pk, actor=STAFF, instead_of=1) is Outcome.NOT_DUE
    assert sweep.due_renewals() == []
    assert lying_server.requests == []


def test_it_goes_on_where_it_was_once_it_is_activated(credential: Credential, lying_server: LyingServer) -> None:
    off(credential)
    assert activation.activate(STAFF, credential)
    credential.refresh_from_db()
    assert credential.stands == (Status.ACTIVE, "")
    assert runtime.make_ready(credential, actor=STAFF).material.token
    assert refresh(credential.pk, actor=STAFF) is Outcome.RENEWED


def test_both_are_audited_once(cast: Cast, credential: Credential) -> None:
    off(credential)
    assert not activation.deactivate(STAFF, credential)
    activation.activate(STAFF, credential)
    assert not activation.activate(STAFF, credential)
    told = AuditEntry.objects.of(cast.organization).about("credential", credential.pk).order_by("position")
    assert [entry.action for entry in told] == ["credential.deactivated", "credential.activated"]


def test_one_that_was_never_authorized_is_not_asked_for_by_activating_it(cast: Cast) -> None:
    credential = make_credential(cast.organization, "New", status=Status.NEEDS_AUTHORIZATION)
    OAuthToken.objects.create(credential=credential, organization=cast.organization)
    off(credential)
    activation.activate(STAFF, credential)
    assert OAuthToken.objects.get(pk=credential.pk).refresh_at is None


def test_people_see_it_as_failed_with_the_reason_and_no_button(cast: Cast, credential: Credential) -> None:
    off(credential)
    client = Client()
    client.force_login(cast.bob)
    listed = client.get(f"/organizations/{cast.organization.pk}/credentials/").content.decode()
    assert "Failed" in listed
    assert REASON in listed
    page = client.get(f"/organizations/{cast.organization.pk}/credentials/{credential.pk}/")
    assert "ask the administrators of bot accounts why" in page.content.decode().lower()
    assert page.context["problem"].action_label == ""


def test_the_filters_of_the_list_agree_with_what_it_shows(cast: Cast, credential: Credential) -> None:
    def names(status: str) -> list[str]:
        return [row.name for row in listing.page(cast.organization, Query(status=status)).rows]

    assert (names(Status.ACTIVE), names(Status.FAILED)) == (["Orders"], [])
    off(credential)
    assert (names(Status.ACTIVE), names(EXPIRING), names(Status.FAILED)) == ([], [], ["Orders"])


def test_the_report_says_so_too(credential: Credential) -> None:
    off(credential)
    out = StringIO()
    call_command("credential_report", "--json", stdout=out)
    [row] = json.loads(out.getvalue())
    assert (row["status"], row["reason"]) == ("Failed", REASON)


@pytest.fixture
def staff_client() -> Client:
    return sign_in_staff(Client(), User.objects.create_superuser("staff"))


def test_staff_switch_it_off_and_on_in_the_admin(cast: Cast, credential: Credential, staff_client: Client) -> None:
    page = "/admin/credentials/credential/"
    for action, done in (("deactivate", True), ("activate", False)):
        answer = staff_client.post(page, {"action": action, "_selected_action": [credential.pk]}, follow=True)
        assert [str(message) for message in answer.context["messages"]] == [f"Credentials {action}d: 1."]
        credential.refresh_from_db()
        assert (credential.deactivated_at is not None) is done
        entry = AuditEntry.objects.of(cast.organization)[0]
        assert (entry.action, entry.actor_label) == (f"credential.{action}d", "staff")
    assert ACCESS_TOKEN not in answer.content.decode()


def test_staff_who_may_only_look_cannot_switch_anything(credential: Credential, django_user_model: Any) -> None:
    looker = User.objects.create(username="looker", is_staff=True)
    looker.user_permissions.set(
        django_user_model._meta.get_field("user_permissions").related_model.objects.filter(codename="view_credential")
    )
    client = sign_in_staff(Client(), looker)
    answer = client.get("/admin/credentials/credential/")
    assert answer.status_code == 200
    assert "Deactivate the selected" not in answer.content.decode()
    client.post("/admin/credentials/credential/", {"action": "deactivate", "_selected_action": [credential.pk]})
    credential.refresh_from_db()
    assert credential.deactivated_at is None


def test_the_api_says_so_with_409(cast: Cast, credential: Credential) -> None:
    off(credential)
    in_a_day = timezone.now() + timedelta(days=1)
    _, token = services.create_service_token(STAFF, cast.organization, "Platform", in_a_day)
    bearer = {"Authorization": f"Bearer {token}"}
    shown = Client().get(f"/api/v1/credentials/{credential.pk}", headers=bearer).json()
    assert (shown["status"], shown["reason"]) == ("failed", REASON)
    refused = Client().post(
        f"/api/v1/credentials/{credential.pk}/token", b"", content_type="application/json", headers=bearer
    )
    assert (refused.status_code, refused.json()["error"]) == (409, "needs_authorization")


# What people can do meanwhile


@pytest.fixture
def bob(cast: Cast, credential: Credential) -> Client:
    """In front of a credential that staff have deactivated."""
    off(credential)
    client = Client()
    client.force_login(cast.bob)
    return client


def page_of(credential: Credential, rest: str = "") -> str:
    return f"/organizations/{credential.organization_id}/credentials/{credential.pk}/{rest}"


def test_its_page_has_no_button_that_asks_the_resource(bob: Client, credential: Credential) -> None:
    page = bob.get(page_of(credential)).content.decode()
    assert page_of(credential, "edit/") in page
    for rest in ("authorize/", "refresh/", "retry/"):
        assert page_of(credential, rest) not in page
    assert 'name="authorize"' not in bob.get(page_of(credential, "edit/")).content.decode()


@pytest.mark.parametrize("rest", ["authorize/", "refresh/", "retry/"])
def test_who_asks_for_it_all_the_same_is_told_why_not(
    bob: Client, credential: Credential, lying_server: LyingServer, rest: str
) -> None:
    answer = bob.post(page_of(credential, rest), follow=True)
    assert answer.redirect_chain[-1] == (page_of(credential), 303)
    [said] = [str(message) for message in answer.context["messages"]]
    assert said == (
        "The staff of Bot Accounts deactivated it. "
        "Ask the administrators of Bot Accounts why, and to activate it again."
    )
    assert lying_server.requests == []
    assert not Authorization.objects.exists()


def test_it_can_be_edited_and_stays_off(bob: Client, credential: Credential, lying_server: LyingServer) -> None:
    entered = {
        "name": "Orders, mended",
        "version": credential.version,
        "client_id": "client-2",
        "client_secret": "another secret",
        "scope": "read",
        "token_url": lying_server.url("/token"),
        "client_authentication": "basic",
    }
    answer = bob.post(page_of(credential, "edit/"), {**entered, "authorize": "1"}, follow=True)
    assert "deactivated it" in str([str(message) for message in answer.context["messages"]])
    credential.refresh_from_db()
    assert (credential.name, credential.payload["client_id"]) == ("Orders, mended", "client-2")
    assert credential.stands == (Status.FAILED, "deactivated")
    assert sweep.due_renewals() == []
    assert lying_server.requests == []


def test_no_consumer_is_asked_to_sign_in_with_it(cast: Cast, credential: Credential) -> None:
    off(credential)
    with pytest.raises(activation.Deactivated, match="deactivated it"):
        challenges.create(credential, conversation="c", subject="", confirm=False, actor=STAFF)
