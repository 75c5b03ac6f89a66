"""Promise 41: each change of a credential is an entry in the log, with who did it, in the change's own transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from credentials import runtime
from credentials.models import Authorization, Credential, OAuthToken, TokenAttempt
from credentials.services import refresh, use, webhooks
from organizations import audit, chain, invitations, issuing, services
from organizations.access import enter
from organizations.audit import Actor
from organizations.models import AuditChain, AuditEntry, Bot, Invitation, Membership, Organization, Role, ServiceToken
from organizations.policies import Action
from tests.support.journeys import authorized_credential, new_credential, received_authorization
from tests.support.lying_server import LyingServer, error_answer, token_answer
from tests.support.people import Cast
from tests.support.second_factor import sign_in_staff
from tests.support.windows import actions_about, authorize, come_back, url, window, work

pytestmark = pytest.mark.django_db


def newest() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def latest() -> AuditEntry:
    return AuditEntry.objects.filter(object_type="credential").latest("position")


def test_promise_41_the_life_of_a_credential_is_told_from_the_first_to_the_last(
    cast: Cast, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    resource = add_basics(bob, cast)
    bob.post(resource)
    resource = resource.replace("redirect-uri", "resource")
    form = {
        "client_id": "client-1",
        "client_secret": "canary-secret",
        "auth_url": token_endpoint.url("/authorize"),
        "token_url": token_endpoint.url("/token"),
        "use_pkce": "on",
    }
    state = bob.post(resource, form)["Location"].partition("state=")[2].partition("&")[0]
    credential = Credential.objects.get()
    come_back(bob, credential, state=state, code="canary-code")
    work()
    use.hand_out_token(credential, actor=Actor.worker())
    OAuthToken.objects.update(refresh_at=timezone.now())
    refresh.refresh(credential.pk, actor=Actor.worker())
    bob.post(url("edit", credential), {"name": "Renamed", "version": 1, **credential.payload, "client_secret": ""})
    bob.post(url("delete", credential))

    assert actions_about(credential.pk) == [
        "credential.created",
        "authorization.started",
        "authorization.received",
        "token.obtained",
        "token.served",
        "token.refreshed",
        "credential.edited",
        "credential.deleted",
    ]
    people = AuditEntry.objects.filter(object_id=str(credential.pk)).exclude(action__startswith="token.")
    assert set(people.values_list("actor_kind", "actor_label")) == {("user", "bob")}
    assert "canary" not in repr(list(AuditEntry.objects.values()))
    assert audit.verify(AuditChain.objects.get(pk=cast.organization.pk)).ok


def add_basics(client: Client, cast: Cast) -> str:
    basics = {"name": "Orders", "kind": "oauth2", "grant_type": "authorization_code"}
    return str(client.post(reverse("credentials:add", args=[cast.organization.pk]), basics)["Location"])


def test_promise_41_what_fails_is_told_too(cast: Cast, credential: Credential, token_endpoint: LyingServer) -> None:
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, error="access_denied")
    assert (latest().action, latest().outcome) == ("authorization.failed", "failed")
    assert latest().details == {"error": "access_denied"}

    token_endpoint.on("/token", error_answer("invalid_client"))
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    work()
    assert (latest().action, latest().details) == ("authorization.failed", {"error": "invalid_client"})


def test_a_renewal_that_fails_is_told(cast: Cast, token_endpoint: LyingServer) -> None:
    credential = authorized_credential(cast, token_endpoint)
    token_endpoint.on("/token", error_answer("invalid_grant"))
    OAuthToken.objects.update(refresh_at=timezone.now() - timedelta(seconds=1))
    refresh.refresh(credential.pk, actor=Actor.worker())
    entries = AuditEntry.objects.filter(object_id=str(credential.pk), action="token.refresh_failed")
    assert [(entry.actor_kind, entry.outcome, entry.details["error"]) for entry in entries] == [
        ("worker", "failed", "invalid_grant")
    ]


@pytest.mark.parametrize("page", ["edit", "delete"])
def test_promise_41_being_denied_is_told(cast: Cast, credential: Credential, page: str) -> None:
    window(cast.vic).post(url(page, credential))
    entry = AuditEntry.objects.get(action="access.denied")
    assert (entry.actor_label, entry.outcome) == ("vic", "denied")


def edit_it(client: Client, credential: Credential) -> None:
    client.post(url("edit", credential), {"name": "Other", "version": 1, **credential.payload, "client_secret": ""})


def delete_it(client: Client, credential: Credential) -> None:
    client.post(url("delete", credential))


def start_it(client: Client, credential: Credential) -> None:
    client.post(url("authorize", credential))


def serve_it(client: Client, credential: Credential) -> None:
    use.hand_out_token(credential, actor=Actor.worker())


@pytest.fixture
def full_log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, no entry can be written."""

    def refuse(*args: object, **details: object) -> None:
        raise RuntimeError("the log is full")

    return lambda: monkeypatch.setattr(chain, "append_all", refuse)


def rows(*models: type[Model], without: str = "") -> str:
    every = [row for model in models for row in model._default_manager.values()]
    return repr([{name: value for name, value in row.items() if name != without} for row in every])


@pytest.mark.parametrize("change", [edit_it, delete_it, start_it, serve_it])
def test_promise_41_what_cannot_be_told_is_not_done(
    cast: Cast,
    token_endpoint: LyingServer,
    full_log: Callable[[], None],
    change: Callable[[Client, Credential], None],
) -> None:
    credential = authorized_credential(cast, token_endpoint)
    before = rows(Credential, OAuthToken)
    full_log()
    with pytest.raises(RuntimeError):
        change(window(cast.bob), credential)
    assert rows(Credential, OAuthToken) == before


def test_promise_41_nothing_is_added_that_cannot_be_told(
    cast: Cast, token_endpoint: LyingServer, full_log: Callable[[], None]
) -> None:
    full_log()
    with pytest.raises(RuntimeError):
        new_credential(cast, token_endpoint.url("/token"))
    assert not Credential.objects.exists()


def test_promise_41_no_code_is_taken_that_cannot_be_told(
    cast: Cast, credential: Credential, full_log: Callable[[], None]
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    before = rows(Credential, Authorization)
    full_log()
    with pytest.raises(RuntimeError):
        come_back(bob, credential, state=state, code="canary-code")
    assert rows(Credential, Authorization) == before


def test_promise_41_no_token_is_swapped_that_cannot_be_told(
    cast: Cast, token_endpoint: LyingServer, full_log: Callable[[], None]
) -> None:
    """Neither a first one nor a renewed one; the answer stays stored, so that it is swapped once that can be told."""
    renewed = authorized_credential(cast, token_endpoint)
    token_endpoint.on("/token", token_answer("canary-at-2"))
    OAuthToken.objects.update(refresh_at=timezone.now())
    received_authorization(cast, new_credential(cast, token_endpoint.url("/token")))
    before = rows(Credential), rows(OAuthToken, without="endpoint_id")
    full_log()
    for swap in (work, lambda: refresh.refresh(renewed.pk, actor=Actor.worker())):
        with pytest.raises(RuntimeError):
            swap()
    assert (rows(Credential), rows(OAuthToken, without="endpoint_id")) == before
    assert TokenAttempt.objects.filter(token_id=renewed.pk).latest("started_at").state == "answered"


OF_AN_ORGANIZATION: dict[str, Callable[[Cast, Actor], object]] = {
    "renaming it": lambda cast, by: services.rename_organization(by, cast.organization, "Other"),
    "a member": lambda cast, by: services.add_member(by, cast.organization, "charlie", Role.VIEWER),
    "another role": lambda cast, by: services.change_role(by, membership_of(cast.vic), Role.API_DEVELOPER),
    "a member's end": lambda cast, by: services.remove_member(by, membership_of(cast.vic)),
    "an invitation": lambda cast, by: invitations.invite(by, cast.organization, "eve@example.com", Role.VIEWER),
    "a bot": lambda cast, by: services.create_bot(by, cast.organization, "Second"),
    "a bot's end": lambda cast, by: services.remove_bot(by, cast.organization.bots.get()),
    "a service token": lambda cast, by: issuing.create_service_token(by, cast.organization, "t", in_a_day()),
    "a service token's end": lambda cast, by: issuing.revoke_service_token(by, ServiceToken.objects.get()),
}


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def in_a_day() -> datetime:
    return timezone.now() + timedelta(days=1)


@pytest.mark.parametrize("change", OF_AN_ORGANIZATION.values(), ids=OF_AN_ORGANIZATION)
def test_promise_41_no_organization_changes_where_that_cannot_be_told(
    cast: Cast, full_log: Callable[[], None], change: Callable[[Cast, Actor], object]
) -> None:
    by = Actor.command("test")
    services.create_bot(by, cast.organization, "First")
    issuing.create_service_token(by, cast.organization, "first", in_a_day())
    changed = (Organization, Membership, Invitation, Bot, ServiceToken, User)
    before = rows(*changed)
    full_log()
    with pytest.raises(RuntimeError):
        change(cast, by)
    assert rows(*changed) == before


def test_a_token_that_is_served_is_told_before_it_leaves(cast: Cast, token_endpoint: LyingServer) -> None:
    credential = authorized_credential(cast, token_endpoint)
    token_endpoint.on("/token", token_answer("canary-at-2"))
    assert runtime.make_ready(credential, actor=Actor.worker()).material.token
    assert "token.served" not in actions_about(credential.pk)
    use.hand_out_token(credential, actor=Actor.worker())
    assert actions_about(credential.pk)[-1] == "token.served"


@pytest.mark.parametrize("column", ["secrets", "access_token"])
def test_a_use_whose_secrets_do_not_open_is_told(cast: Cast, token_endpoint: LyingServer, column: str) -> None:
    """Promise 26: a ciphertext that was moved by SQL."""
    credential, other = (authorized_credential(cast, token_endpoint, name=name) for name in ("One", "Two"))
    rows = Credential if column == "secrets" else OAuthToken
    of_the_other = rows.objects.values_list(column, flat=True).get(pk=other.pk)
    rows.objects.filter(pk=credential.pk).update(**{column: of_the_other})
    credential.refresh_from_db()
    with pytest.raises(runtime.NeedsAuthorization):
        use.hand_out_token(credential, actor=Actor.worker())
    assert (latest().action, latest().outcome, latest().object_id) == (
        "credential.unreadable",
        "failed",
        str(credential.pk),
    )
    use.hand_out_token(other, actor=Actor.worker())


def test_promise_41_a_view_of_a_secrets_existence_is_told(cast: Cast, credential: Credential) -> None:
    """Who is shown which secrets there are, on the page of the credential and on that of its edit."""
    for page in ("detail", "edit"):
        assert "configured" in window(cast.bob).get(url(page, credential)).content.decode()
    seen = AuditEntry.objects.filter(action="credential.viewed", object_id=str(credential.pk))
    assert [(entry.actor_label, entry.outcome) for entry in seen] == [("bob", "ok")] * 2
    # What happened to it is not buried under who looked.
    assert "credential.viewed" not in window(cast.bob).get(url("detail", credential)).content.decode()
    window(cast.alice).get(reverse("credentials:identity-provider", args=[cast.account.number]))
    assert (newest().action, newest().actor_label) == ("identity_provider.viewed", "alice")
    made, _ = webhooks.save(enter(cast.alice, cast.organization.pk, Action.MANAGE_WEBHOOKS), None, "https://h.example/")
    window(cast.alice).get(reverse("credentials:webhook", args=[cast.organization.pk]))
    assert (newest().action, newest().object_id) == ("webhook.viewed", str(made.pk))


def test_promise_41_a_page_that_asks_for_itself_again_is_one_view(cast: Cast, credential: Credential) -> None:
    """And what it is sent every few seconds says nothing of secrets, so that nobody looks without being told of."""
    bob = window(cast.bob)
    assert "configured" in bob.get(url("detail", credential)).content.decode()
    for _ in range(3):
        again = bob.get(url("detail", credential), headers={"HX-Request": "true", "HX-Trigger": "activity"})
        assert 'id="activity"' in again.content.decode()
        assert "configured" not in again.content.decode()
    assert AuditEntry.objects.filter(action="credential.viewed").count() == 1
    webhooks.save(enter(cast.alice, cast.organization.pk, Action.MANAGE_WEBHOOKS), None, "https://h.example/")
    page = reverse("credentials:webhook", args=[cast.organization.pk])
    for asked in ({}, {"HX-Trigger": "log"}, {"HX-Trigger": "log"}):
        assert ("configured" in window(cast.alice).get(page, headers=asked).content.decode()) == (not asked)
    assert AuditEntry.objects.filter(action="webhook.viewed").count() == 1


def test_promise_41_staff_who_look_at_a_row_with_secrets_are_told_of(cast: Cast, token_endpoint: LyingServer) -> None:
    credential = authorized_credential(cast, token_endpoint)
    root = sign_in_staff(Client(), User.objects.create_superuser("root"))
    for model in ("credential", "oauthtoken"):
        assert root.get(reverse(f"admin:credentials_{model}_change", args=[credential.pk])).status_code == 200
        assert (newest().action, newest().actor_label, newest().object_type) == ("staff.viewed", "root", model)
    root.get(reverse("admin:credentials_credential_changelist"))
    assert AuditEntry.objects.filter(action="staff.viewed").count() == 2


def test_promise_41_a_page_that_cannot_be_told_of_is_not_shown(
    cast: Cast, credential: Credential, full_log: Callable[[], None]
) -> None:
    full_log()
    with pytest.raises(RuntimeError):
        window(cast.bob).get(url("detail", credential))
