"""Starting an authorization and taking the resource's answer: once, in time, from the same person and browser."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.oauth import pkce
from credentials.oauth.discovery import Metadata
from credentials.services import authorize, exchange, sweep
from credentials.services.authorize import CallbackRefused, Started, start, take_callback
from organizations import services
from organizations.access import Refused, enter
from organizations.audit import Actor
from organizations.models import Membership, Role
from organizations.policies import Action
from tests.support.journeys import (
    NOWHERE,
    access_of,
    authorized_credential,
    new_credential,
)
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once

NONCE = "the nonce of Bob's browser"


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    return new_credential(cast, token_server.url("/token"))


@pytest.fixture
def started(cast: Cast, credential: Credential) -> Started:
    return start(access_of(cast), credential, nonce=NONCE)


def sent_to(started: Started) -> dict[str, str]:
    """The query that the person is sent to the resource with."""
    assert started.go_to is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(started.go_to).query).items()}


def answer(started: Started, **members: str) -> dict[str, str]:
    """The resource's answer: a code, unless `members` say something else."""
    return {"state": sent_to(started)["state"], **(members or {"code": "a-code"})}


def status_of(credential: Credential) -> tuple[str, str]:
    credential.refresh_from_db()
    return credential.status, credential.status_code


@pytest.mark.django_db
def test_the_person_is_sent_to_the_resource_with_a_challenge_and_a_fresh_state(
    cast: Cast, credential: Credential, started: Started
) -> None:
    query = sent_to(started)
    assert started.go_to.startswith(f"{NOWHERE}?")
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == f"http://127.0.0.1:8000/oauth2/callback/{credential.pk}/"
    assert query["code_challenge_method"] == "S256"
    verifier = Authorization.objects.get().unseal("verifier")
    assert query["code_challenge"] == pkce.challenge(str(verifier))
    assert 22 <= len(query["state"]) <= 64
    again = start(access_of(cast), credential, nonce=NONCE)
    assert sent_to(again)["state"] != query["state"]


@pytest.mark.django_db
def test_neither_state_nor_nonce_nor_verifier_is_stored_in_the_clear(started: Started) -> None:
    row = Authorization.objects.get()
    stored = " ".join(str(value) for value in vars(row).values())
    for secret in (sent_to(started)["state"], NONCE, str(row.unseal("verifier"))):
        assert secret not in stored


@pytest.mark.django_db
def test_pkce_can_be_switched_off_for_one_credential(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"), use_pkce=False)
    assert "code_challenge" not in sent_to(start(access_of(cast), credential, nonce=NONCE))
    assert Authorization.objects.get().verifier == ""


@pytest.mark.django_db
def test_a_credential_under_way_says_so_and_one_that_works_goes_on_working(
    cast: Cast, credential: Credential, started: Started, token_server: LyingServer
) -> None:
    assert status_of(credential)[0] == Status.AUTHORIZING
    working = authorized_credential(cast, token_server)
    start(access_of(cast), working, nonce=NONCE)
    assert status_of(working)[0] == Status.ACTIVE


@pytest.mark.django_db
def test_client_credentials_need_nobodys_consent(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"), grant="client_credentials")
    started = start(access_of(cast), credential, nonce=NONCE)
    assert started.go_to is None
    assert sweep.find().exchanges == [started.authorization.pk]


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.API_DEVELOPER, Role.VIEWER])
def test_who_may_not_manage_credentials_cannot_authorize_one(cast: Cast, credential: Credential, role: Role) -> None:
    access = enter(cast.by_role(role), cast.organization.pk, Action.SEE_CREDENTIALS)
    with pytest.raises(Refused):
        start(access, credential, nonce=NONCE)
    assert not Authorization.objects.exists()


@pytest.mark.django_db
def test_the_answer_of_the_same_person_and_browser_is_taken_once(
    cast: Cast, credential: Credential, started: Started, token_server: LyingServer
) -> None:
    query = answer(started)
    authorization = take_callback(cast.bob, credential.pk, query, nonce=NONCE)
    assert authorization.pk == started.authorization.pk
    stored = Authorization.objects.get()
    assert (stored.status, stored.unseal("code")) == (AuthorizationStatus.RECEIVED, "a-code")
    assert "a-code" not in stored.code
    with pytest.raises(CallbackRefused, match="already used"):
        take_callback(cast.bob, credential.pk, query, nonce=NONCE)
    # Nothing is asked of anybody before a worker takes it up.
    assert token_server.requests == []


@pytest.mark.django_db(transaction=True)
def test_of_parallel_answers_one_is_taken(
    cast: Cast, credential: Credential, started: Started, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer())
    query = answer(started)
    taken = at_once([lambda: take_callback(cast.bob, credential.pk, query, nonce=NONCE)] * 6)
    assert [type(each) for each in taken].count(Authorization) == 1
    assert [type(each) for each in taken].count(CallbackRefused) == 5
    at_once([lambda: exchange.exchange(started.authorization.pk)] * 2)
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_two_tabs_of_one_browser_both_work(cast: Cast, credential: Credential) -> None:
    tabs = [start(access_of(cast), credential, nonce=NONCE) for _ in range(2)]
    for tab in tabs:
        assert take_callback(cast.bob, credential.pk, answer(tab), nonce=NONCE).pk == tab.authorization.pk


def refused(user: User | AnonymousUser, credential: Credential, query: dict[str, str], nonce: str) -> None:
    before = list(Authorization.objects.order_by("pk").values())
    with pytest.raises(CallbackRefused):
        take_callback(user, credential.pk, query, nonce=nonce)
    assert list(Authorization.objects.order_by("pk").values()) == before
    assert sweep.find() == sweep.Work([], [], [])


@pytest.mark.django_db
@pytest.mark.parametrize("nonce", ["", "the nonce of another browser"])
def test_an_answer_in_another_browser_is_refused(
    cast: Cast, credential: Credential, started: Started, nonce: str
) -> None:
    refused(cast.bob, credential, answer(started), nonce)


@pytest.mark.django_db
def test_an_answer_to_another_person_is_refused(cast: Cast, credential: Credential, started: Started) -> None:
    for somebody in (cast.alice, cast.charlie, AnonymousUser()):
        refused(somebody, credential, answer(started), NONCE)


@pytest.mark.django_db
def test_an_answer_for_another_credential_is_refused(cast: Cast, started: Started, token_server: LyingServer) -> None:
    other = new_credential(cast, token_server.url("/token"))
    refused(cast.bob, other, answer(started), NONCE)


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["", "x", "x" * 100_000])
def test_an_answer_with_a_wrong_state_is_refused(
    cast: Cast, credential: Credential, started: Started, state: str
) -> None:
    refused(cast.bob, credential, {"code": "a-code", "state": state}, NONCE)


@pytest.mark.django_db
def test_an_answer_after_ten_minutes_is_refused(cast: Cast, credential: Credential, started: Started) -> None:
    left = Authorization.objects.get().expires_at - database_now()
    assert timedelta(minutes=9, seconds=50) < left <= timedelta(minutes=10)
    Authorization.objects.update(expires_at=database_now() - timedelta(seconds=1))
    refused(cast.bob, credential, answer(started), NONCE)


@pytest.mark.django_db
def test_rights_that_were_lost_meanwhile_count(cast: Cast, credential: Credential, started: Started) -> None:
    membership = Membership.objects.get(user=cast.bob, organization=cast.organization)
    services.change_role(Actor.command("demo"), membership, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        take_callback(cast.bob, credential.pk, answer(started), nonce=NONCE)
    services.remove_member(Actor.command("demo"), membership)
    with pytest.raises(Http404):
        take_callback(cast.bob, credential.pk, answer(started), nonce=NONCE)
    assert sweep.find().exchanges == []


@pytest.mark.django_db
def test_a_declined_consent_is_said_and_what_was_entered_is_kept(
    cast: Cast, credential: Credential, started: Started
) -> None:
    entered, secrets = credential.payload, credential.secrets
    said = "no,\r\n\x00thank\u202eyou " + "z" * 10_000
    taken = take_callback(
        cast.bob, credential.pk, answer(started, error="access_denied", error_description=said), nonce=NONCE
    )
    stored = Authorization.objects.get(pk=taken.pk)
    assert (stored.status, stored.error) == (AuthorizationStatus.FAILED, "access_denied")
    assert stored.error_description.startswith("no, thank you zzz")
    assert len(stored.error_description) <= 300
    assert status_of(credential) == (Status.NEEDS_AUTHORIZATION, "access_denied")
    assert (credential.payload, credential.secrets) == (entered, secrets)


@pytest.mark.django_db
def test_an_answer_with_neither_code_nor_error_ends_the_authorization(
    cast: Cast, credential: Credential, started: Started
) -> None:
    take_callback(cast.bob, credential.pk, {"state": sent_to(started)["state"]}, nonce=NONCE)
    assert status_of(credential) == (Status.FAILED, "invalid_request")


ISSUER = "https://as.example"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("advertised", "iss", "accepted"),
    [
        (True, ISSUER, True),
        (True, None, False),
        (True, f"{ISSUER}/", False),
        (True, "https://evil.example", False),
        (False, None, True),
        (False, ISSUER, True),
        (False, "https://evil.example", False),
    ],
)
@pytest.mark.parametrize("answered", [{"code": "a-code"}, {"error": "access_denied"}])
def test_the_issuer_is_compared_as_an_exact_string(
    cast: Cast,
    credential: Credential,
    monkeypatch: pytest.MonkeyPatch,
    advertised: bool,
    iss: str | None,
    accepted: bool,
    answered: dict[str, str],
) -> None:
    metadata = Metadata(
        issuer=ISSUER,
        authorization_endpoint=NOWHERE,
        token_endpoint="",
        revocation_endpoint="",
        iss_parameter_supported=advertised,
    )
    monkeypatch.setattr(authorize, "discover", lambda auth_url: metadata)
    started = start(access_of(cast), credential, nonce=NONCE)
    query = answer(started, **answered) | ({} if iss is None else {"iss": iss})
    take_callback(cast.bob, credential.pk, query, nonce=NONCE)
    row = Authorization.objects.get()
    if not accepted:
        assert (row.status, row.error, row.code) == (AuthorizationStatus.FAILED, "iss_mismatch", "")
    elif "code" in answered:
        assert row.status == AuthorizationStatus.RECEIVED
    else:
        assert row.error == "access_denied"
