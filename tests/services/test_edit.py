"""Changing a credential: what is left blank stays, secrets do not travel, consent to old values is worth nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, Credential, OAuthToken
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.services import authorize, exchange, lease, refresh
from credentials.services.add import NameTaken
from credentials.services.edit import EditedMeanwhile, SecretsNeeded, edit
from credentials.types.registry import room
from organizations.access import Access
from organizations.audit import Actor
from organizations.models import AuditEntry, Role
from tests.support.journeys import (
    access_of,
    access_token_of,
    authorized_credential,
    new_credential,
    received_authorization,
    token_of,
)
from tests.support.lying_server import Answer, LyingServer, token_answer
from tests.support.people import Cast
from tests.support.windows import actions_about

pytestmark = pytest.mark.django_db


def save(
    cast: Cast, credential: Credential, *, version: int | None = None, name: str = "", **changes: Any
) -> Credential:
    """Save the edit page with `changes`; the client secret stays blank unless it is among them."""
    credential.refresh_from_db()
    entered = {**room(credential.kind).entered(credential.payload), "client_secret": "", **changes}
    return edit(
        access_of(cast),
        credential,
        version=credential.version if version is None else version,
        name=name or credential.name,
        entered=entered,
    )


@pytest.fixture
def authorized(cast: Cast, token_server: LyingServer) -> Credential:
    return authorized_credential(cast, token_server)


def test_a_blank_secret_keeps_the_stored_one(cast: Cast, authorized: Credential) -> None:
    save(cast, authorized, name="Renamed")
    again = Credential.objects.get()
    assert again.name == "Renamed"
    assert again.open_secrets() == {"client_secret": "canary-client-secret"}
    assert again.version == 2
    assert again.updated_by == cast.bob


def test_a_new_name_or_way_of_sending_keeps_the_token(cast: Cast, authorized: Credential) -> None:
    saved = save(cast, authorized, name="Renamed", client_authentication="body", use_pkce=False)
    assert saved.status == Status.ACTIVE
    assert access_token_of(saved) == "canary-at-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "read write more"},
        {"client_id": "client-2"},
        {"client_secret": "another"},
        {"authorization_parameters": "prompt=consent"},
        {"auth_url": "http://127.0.0.1:9/other"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_what_was_consented_to_takes_the_token_away(
    cast: Cast, authorized: Credential, changes: dict[str, str]
) -> None:
    generation = token_of(authorized).generation
    Credential.objects.update(expires_at=timezone.now())
    saved = save(cast, authorized, **changes)
    assert (saved.status, saved.status_code) == (Status.NEEDS_AUTHORIZATION, "changed")
    assert saved.status_reason == "it was changed since it was authorized"
    assert saved.expires_at is None
    token = token_of(authorized)
    assert (token.access_token, token.refresh_token, token.refresh_at, token.expires_at) == ("", "", None, None)
    assert token.generation == generation + 1


def test_one_that_was_never_authorized_goes_on_saying_so(cast: Cast) -> None:
    credential = new_credential(cast, "https://as.example.com/token")
    assert save(cast, credential, scope="more").status_code == "not_authorized"


def while_asked(change: Callable[[], object], answer: Answer) -> Callable[[object], Answer]:
    """A token endpoint during whose answer somebody changes something."""

    def respond(request: object) -> Answer:
        try:
            change()
        finally:
            connection.close()
        return answer

    return respond


@pytest.mark.django_db(transaction=True)
def test_a_renewal_under_way_cannot_bring_the_old_consent_back(
    cast: Cast, authorized: Credential, token_server: LyingServer
) -> None:
    OAuthToken.objects.update(refresh_at=timezone.now())

    token_server.on("/token", while_asked(lambda: save(cast, authorized, scope="less"), token_answer("canary-at-2")))
    refresh.refresh(authorized.pk, actor=Actor.worker())
    assert token_of(authorized).access_token == ""
    authorized.refresh_from_db()
    assert authorized.status == Status.NEEDS_AUTHORIZATION


@pytest.mark.parametrize("moment", ["before the claim", "after the claim"])
def test_promise_30_a_refresh_token_never_reaches_a_host_that_an_edit_enters_at_that_moment(
    cast: Cast,
    authorized: Credential,
    token_server: LyingServer,
    serve: Callable[[], LyingServer],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    other, claim = serve(), lease.claim
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, other.allow_entry]
    OAuthToken.objects.update(refresh_at=timezone.now())

    def edited(token: OAuthToken) -> lease.Lease | None:
        claimed = claim(token) if moment == "after the claim" else None
        save(cast, authorized, token_url=other.url("/token"), client_secret="another")
        return claimed or claim(token)

    monkeypatch.setattr(lease, "claim", edited)
    refresh.refresh(authorized.pk, actor=Actor.worker())
    assert other.requests == []
    assert token_of(authorized).access_token == ""


@pytest.mark.parametrize("state", [AuthorizationStatus.STARTED, AuthorizationStatus.RECEIVED])
def test_an_authorization_under_way_is_cancelled(
    cast: Cast, authorized: Credential, token_server: LyingServer, state: AuthorizationStatus
) -> None:
    if state == AuthorizationStatus.RECEIVED:
        pending = received_authorization(cast, authorized)
    else:
        pending = authorize.start(access_of(cast), authorized, nonce="n").authorization.pk
    save(cast, authorized, scope="less")
    cancelled = Authorization.objects.get(pk=pending)
    assert (cancelled.status, cancelled.error) == (AuthorizationStatus.FAILED, "changed")
    assert (cancelled.code, cancelled.verifier) == ("", "")
    assert not exchange.exchange(pending)
    assert token_server.requests == []


@pytest.mark.django_db(transaction=True)
def test_an_exchange_under_way_cannot_bring_a_token_for_the_old_values(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    pending = received_authorization(cast, credential)

    token_server.on("/token", while_asked(lambda: save(cast, credential, scope="less"), token_answer("canary-at-old")))
    exchange.exchange(pending)
    assert token_of(credential).access_token == ""
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION


@pytest.mark.parametrize(
    "changes",
    [
        {"token_url": "https://evil.example/token"},
        {"auth_url": "https://evil.example/authorize"},
        {"token_url": "http://127.0.0.1:9/token"},
        {"token_url": "https://AS.example.com.evil.example/token"},
    ],
)
def test_promise_30_a_new_host_demands_the_secret_again_and_nothing_is_saved(
    cast: Cast, authorized: Credential, changes: dict[str, str]
) -> None:
    before = Credential.objects.values().get()
    with pytest.raises(SecretsNeeded) as needed:
        save(cast, authorized, **changes)
    assert needed.value.fields == ["client_secret"]
    assert Credential.objects.values().get() == before
    assert access_token_of(authorized) == "canary-at-1"


def test_a_host_that_only_looks_the_same_in_small_letters_is_a_new_one(cast: Cast) -> None:
    credential = new_credential(cast, "https://ας-5.example/token")
    with pytest.raises(SecretsNeeded):
        save(cast, credential, token_url="https://ΑΣ-5.example/token")


def test_the_same_host_in_other_words_does_not_demand_it(cast: Cast) -> None:
    credential = new_credential(cast, "https://as.example.com/token")
    saved = save(cast, credential, token_url="https://AS.example.com:443/token")
    assert saved.open_secrets() == {"client_secret": "canary-client-secret"}


def test_a_new_host_with_the_secret_entered_again_is_saved(cast: Cast, authorized: Credential) -> None:
    saved = save(cast, authorized, token_url="https://new.example/token", client_secret="entered again")
    assert saved.payload["token_url"] == "https://new.example/token"
    assert saved.open_secrets() == {"client_secret": "entered again"}
    assert token_of(saved).access_token == ""


def test_another_path_of_the_same_host_does_not_demand_it(
    cast: Cast, authorized: Credential, token_server: LyingServer
) -> None:
    saved = save(cast, authorized, token_url=token_server.url("/v2/token"))
    assert saved.open_secrets() == {"client_secret": "canary-client-secret"}


def test_the_later_of_two_who_edit_at_once_is_told(cast: Cast, authorized: Credential) -> None:
    authorized.refresh_from_db()
    seen = authorized.version
    save(cast, authorized, version=seen, name="First")
    with pytest.raises(EditedMeanwhile):
        save(cast, authorized, version=seen, name="Second", scope="less")
    saved = Credential.objects.get()
    assert saved.name == "First"
    assert access_token_of(saved) == "canary-at-1"
    assert actions_about(saved.pk).count("credential.edited") == 1


def test_a_credential_deleted_meanwhile_is_not_brought_back(cast: Cast) -> None:
    credential = new_credential(cast, "https://as.example.com/token")
    entered = {**room(credential.kind).entered(credential.payload), "client_secret": ""}
    Credential.objects.all().delete()
    with pytest.raises(EditedMeanwhile):
        edit(access_of(cast), credential, version=1, name="Back", entered=entered)
    assert not Credential.objects.exists()


@pytest.mark.parametrize("name", ["Other", "OTHER"])
def test_a_name_that_is_taken_is_refused_and_nothing_is_saved(cast: Cast, authorized: Credential, name: str) -> None:
    new_credential(cast, "https://as.example.com/token", name="Other")
    with pytest.raises(NameTaken):
        save(cast, authorized, name=name, scope="less")
    assert access_token_of(authorized) == "canary-at-1"
    assert "credential.edited" not in actions_about(authorized.pk)


def test_the_case_of_its_own_name_may_change(cast: Cast) -> None:
    credential = new_credential(cast, "https://as.example.com/token", name="orders")
    assert save(cast, credential, name="Orders").name == "Orders"


def damage(credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(secrets=credential.secrets[:-4] + "AAAA")


def move_from_another(credential: Credential) -> None:
    other = Credential.objects.exclude(pk=credential.pk).get()
    Credential.objects.filter(pk=credential.pk).update(secrets=other.secrets)


@pytest.mark.parametrize("harm", [damage, move_from_another])
def test_secrets_that_cannot_be_opened_can_be_replaced(
    cast: Cast, authorized: Credential, harm: Callable[[Credential], None]
) -> None:
    new_credential(cast, "https://as.example.com/token", name="Other")
    harm(authorized)
    with pytest.raises(Unsealable):
        save(cast, authorized, name="Renamed")
    saved = save(cast, authorized, name="Renamed", client_secret="new")
    assert saved.open_secrets() == {"client_secret": "new"}
    assert saved.status == Status.NEEDS_AUTHORIZATION


def test_the_audit_entry_names_what_changed_and_tells_no_value(cast: Cast, authorized: Credential) -> None:
    save(cast, authorized, scope="read less", client_secret="canary secret")
    entry = AuditEntry.objects.get(action="credential.edited")
    assert entry.actor_id == str(cast.bob.pk)
    assert entry.details == {"changed": ["scope"], "replaced": ["client_secret"]}


def test_a_field_that_there_was_not_when_it_was_added_has_not_changed(cast: Cast, authorized: Credential) -> None:
    older = {name: value for name, value in authorized.payload.items() if name != "authorization_parameters"}
    Credential.objects.update(payload=older)
    authorized.refresh_from_db()
    saved = save(cast, authorized, name="Renamed", authorization_parameters="")
    assert saved.status == Status.ACTIVE
    assert AuditEntry.objects.get(action="credential.edited").details["changed"] == []


@pytest.mark.parametrize("role", [Role.API_DEVELOPER, Role.VIEWER])
def test_whoever_does_not_manage_credentials_changes_none(cast: Cast, authorized: Credential, role: Role) -> None:
    access = Access(cast.by_role(role), cast.organization, role)
    with pytest.raises(PermissionDenied):
        edit(access, authorized, version=1, name="Mine", entered={})
    assert not Credential.objects.filter(name="Mine").exists()


def test_where_the_audit_entry_cannot_be_written_nothing_is_changed(
    cast: Cast, authorized: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **details: object) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("credentials.services.edit.record", refuse)
    with pytest.raises(RuntimeError):
        save(cast, authorized, scope="less")
    assert access_token_of(authorized) == "canary-at-1"
    authorized.refresh_from_db()
    assert (authorized.version, authorized.status) == (1, Status.ACTIVE)
    assert authorized.payload["scope"] != "less"
