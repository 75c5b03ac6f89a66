"""From a consent to the first token: a code is redeemed once, and an interrupted exchange is finished."""

from datetime import timedelta
from uuid import UUID

import pytest

from credentials.models import Authorization, Credential, OAuthToken, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.token import AttemptState, Grant
from credentials.oauth.client import RawAnswer
from credentials.services import exchange as service
from credentials.services import journal, lease, sweep
from credentials.services.edit import forget_tokens
from credentials.services.exchange import exchange, take_up
from organizations.models import AuditEntry
from tests.support.journeys import (
    access_token_of,
    authorized_credential,
    new_credential,
    received_authorization,
    refresh_token_of,
    token_of,
)
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once, elsewhere, leave_attempt

GRANTED = token_answer("canary-at-1", refresh_token="canary-rt-1", scope="read")


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Not authorized yet; the token endpoint grants."""
    token_server.on("/token", GRANTED)
    return new_credential(cast, token_server.url("/token"))


@pytest.fixture
def waiting(cast: Cast, credential: Credential) -> UUID:
    """An authorization whose code is here."""
    return received_authorization(cast, credential)


def interrupt(authorization_id: UUID, *, seconds_ago: float = 60) -> Authorization:
    """A worker took the exchange and died."""
    Authorization.objects.filter(pk=authorization_id).update(
        status=AuthorizationStatus.EXCHANGING, claimed_at=database_now() - timedelta(seconds=seconds_ago)
    )
    return Authorization.objects.get(pk=authorization_id)


def begin(authorization: Authorization, answer: str | None = None) -> TokenAttempt:
    token = OAuthToken.objects.get(pk=authorization.credential_id)
    attempt = journal.begin(token, Grant.AUTHORIZATION_CODE, database_now(), authorization=authorization)
    if answer is not None:
        journal.keep_answer(attempt, RawAnswer(200, {}, answer))
    return attempt


def status_of(credential: Credential) -> tuple[str, str]:
    credential.refresh_from_db()
    return credential.status, credential.status_code


@pytest.mark.django_db
def test_a_code_becomes_a_token(credential: Credential, waiting: UUID, token_server: LyingServer) -> None:
    verifier = Authorization.objects.get(pk=waiting).unseal("verifier")
    assert exchange(waiting)
    (request,) = token_server.requests
    assert request.form == {
        "grant_type": "authorization_code",
        "code": "canary-code",
        "redirect_uri": f"http://127.0.0.1:8000/oauth2/callback/{credential.pk}/",
        "code_verifier": verifier,
    }
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-1", "canary-rt-1")
    assert status_of(credential) == (Status.ACTIVE, "")
    assert credential.expires_at is None
    authorization = Authorization.objects.get(pk=waiting)
    assert (authorization.status, authorization.code, authorization.verifier) == ("succeeded", "", "")
    assert token_of(credential).scope == "read"
    assert AuditEntry.objects.filter(action="token.obtained", object_id=str(credential.pk)).count() == 1


@pytest.mark.django_db
def test_the_same_task_twice_redeems_the_code_once(waiting: UUID, token_server: LyingServer) -> None:
    assert [exchange(waiting) for _ in range(3)] == [True, False, False]
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_task_in_many_workers_at_once_redeems_the_code_once(waiting: UUID, token_server: LyingServer) -> None:
    assert sorted(at_once([lambda: exchange(waiting)] * 8)) == [False] * 7 + [True]
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_client_credentials_need_no_code(cast: Cast, token_server: LyingServer) -> None:
    token_server.on("/token", token_answer("canary-at-1"))
    credential = new_credential(cast, token_server.url("/token"), grant="client_credentials")
    assert exchange(received_authorization(cast, credential))
    assert token_server.requests[0].form == {"grant_type": "client_credentials", "scope": credential.payload["scope"]}
    assert status_of(credential) == (Status.ACTIVE, "")


@pytest.mark.django_db
def test_without_a_refresh_token_the_end_of_access_is_known_from_the_beginning(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-1", expires_in=600))
    exchange(waiting)
    assert status_of(credential) == (Status.ACTIVE, "")
    assert credential.expires_at == token_of(credential).expires_at
    assert token_of(credential).refresh_at is None


@pytest.mark.django_db
def test_a_token_of_unknown_end_that_nothing_renews_does_not_end(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-1", expires_in=None))
    exchange(waiting)
    assert (credential.expires_at, token_of(credential).expires_at) == (None, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (error_answer("invalid_client", status=401), Status.FAILED, "invalid_client"),
        (error_answer("invalid_grant"), Status.NEEDS_AUTHORIZATION, "invalid_grant"),
        (Answer(status=503), Status.FAILED, "server_error"),
        (Answer(body=b"<html>"), Status.FAILED, "malformed_answer"),
        (token_answer("at\r\nX: y"), Status.FAILED, "malformed_answer"),
        (Answer(raw=b""), Status.FAILED, "network"),
    ],
)
def test_a_failed_exchange_says_why_and_keeps_what_was_entered(
    credential: Credential, waiting: UUID, token_server: LyingServer, answer: Answer, status: Status, code: str
) -> None:
    token_server.on("/token", answer)
    entered, secrets = credential.payload, credential.secrets
    assert exchange(waiting)
    assert status_of(credential) == (status, code)
    assert credential.status_reason
    assert (credential.payload, credential.secrets) == (entered, secrets)
    authorization = Authorization.objects.get(pk=waiting)
    assert (authorization.status, authorization.error, authorization.code) == ("failed", code, "")
    assert not token_of(credential).access_token
    # The person decides when to try again; nothing tries by itself with a code that has been used.
    assert sweep.find() == sweep.Work([], [], [])


@pytest.mark.django_db
def test_a_credential_that_works_goes_on_working_when_authorizing_it_anew_fails(
    cast: Cast, token_server: LyingServer
) -> None:
    credential = authorized_credential(cast, token_server)
    token_server.on("/token", error_answer("invalid_grant"))
    exchange(received_authorization(cast, credential))
    assert status_of(credential) == (Status.ACTIVE, "")
    assert (access_token_of(credential), token_of(credential).generation) == ("canary-at-1", 1)


@pytest.mark.django_db
def test_authorizing_anew_replaces_everything_of_the_grant_before(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    token_server.on("/token", token_answer("canary-at-2"))
    exchange(received_authorization(cast, credential))
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", None)
    assert token_of(credential).generation == 2


@pytest.mark.django_db
def test_the_answer_that_a_dead_worker_stored_is_applied_without_a_call(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    begin(
        interrupt(waiting),
        answer='{"access_token": "canary-at-stored", "token_type": "Bearer", "refresh_token": "canary-rt-s"}',
    )
    assert sweep.find().interrupted == [waiting]
    assert take_up(waiting)
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-stored", "canary-rt-s")
    assert status_of(credential) == (Status.ACTIVE, "")
    assert token_server.requests == []
    assert not take_up(waiting)


@pytest.mark.django_db
@pytest.mark.parametrize("had_begun", [True, False])
def test_an_exchange_without_an_answer_is_tried_once_more(
    credential: Credential, waiting: UUID, token_server: LyingServer, had_begun: bool
) -> None:
    authorization = interrupt(waiting)
    if had_begun:
        begin(authorization)
    assert take_up(waiting)
    assert status_of(credential) == (Status.ACTIVE, "")
    assert len(token_server.requests) == 1
    assert not TokenAttempt.objects.filter(state=AttemptState.STARTED).exists()


@pytest.mark.django_db
def test_an_exchange_that_was_interrupted_twice_is_given_up_with_the_reason(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    authorization = interrupt(waiting)
    begin(authorization)
    begin(authorization)
    assert take_up(waiting)
    assert status_of(credential) == (Status.NEEDS_AUTHORIZATION, "interrupted")
    assert "interrupted twice" in credential.status_reason
    assert token_server.requests == []
    assert sweep.find() == sweep.Work([], [], [])


@pytest.mark.django_db
def test_an_exchange_at_work_is_left_alone(waiting: UUID, token_server: LyingServer) -> None:
    interrupt(waiting, seconds_ago=40)
    assert sweep.find().interrupted == []
    assert not take_up(waiting)
    assert token_server.requests == []


@pytest.mark.django_db(transaction=True)
def test_of_many_that_take_up_an_exchange_one_gets_it(waiting: UUID, token_server: LyingServer) -> None:
    interrupt(waiting)
    assert sorted(at_once([lambda: take_up(waiting)] * 8)) == [False] * 7 + [True]
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_worker_that_was_suspended_before_it_sent_leaves_the_code_to_the_next(
    credential: Credential, waiting: UUID, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(service, "in_time", lambda since: lease.in_time(since - 30))
        exchange(waiting)
    assert token_server.requests == []
    interrupt(waiting)
    assert take_up(waiting)
    assert status_of(credential) == (Status.ACTIVE, "")
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_a_credential_deleted_during_the_exchange_does_no_harm(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    def answers(request: Recorded) -> Answer:
        elsewhere(lambda: Credential.objects.filter(pk=credential.pk).delete())
        return GRANTED

    token_server.on("/token", answers)
    assert exchange(waiting)
    assert not exchange(waiting)
    assert sweep.find() == sweep.Work([], [], [])
    assert not OAuthToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_the_exchange_makes_its_answer_worthless(
    credential: Credential, waiting: UUID, token_server: LyingServer
) -> None:
    def answers(request: Recorded) -> Answer:
        elsewhere(lambda: forget_tokens(Credential.objects.get(pk=credential.pk)))
        return GRANTED

    token_server.on("/token", answers)
    exchange(waiting)
    assert not token_of(credential).access_token
    assert status_of(credential)[0] == Status.NEEDS_AUTHORIZATION
    assert list(TokenAttempt.objects.values_list("state", "error", "answer")) == [("failed", "superseded", "")]


@pytest.mark.django_db
@pytest.mark.parametrize("interrupted", [False, True])
def test_an_edit_between_the_claim_and_the_look_at_the_code_sends_nothing(
    credential: Credential,
    waiting: UUID,
    token_server: LyingServer,
    monkeypatch: pytest.MonkeyPatch,
    interrupted: bool,
) -> None:
    look = service.find

    def edited_first(authorization_id: UUID) -> Authorization | None:
        forget_tokens(Credential.objects.get(pk=credential.pk))
        return look(authorization_id)

    monkeypatch.setattr(service, "find", edited_first)
    if interrupted:
        interrupt(waiting)
    assert not (take_up if interrupted else exchange)(waiting)
    assert token_server.requests == []
    assert not TokenAttempt.objects.exists()
    authorization = Authorization.objects.get(pk=waiting)
    assert (authorization.status, authorization.error) == ("failed", "changed")


@pytest.mark.django_db
def test_an_exchange_overtakes_the_lease_of_a_renewal(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    mine = lease.claim(token_of(credential))
    assert mine is not None
    late = leave_attempt(credential, answer={"access_token": "canary-at-late"})
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"))
    exchange(received_authorization(cast, credential))
    assert not journal.apply(
        late,
        service.answer.parse(RawAnswer(200, {}, '{"access_token": "canary-at-late"}')),
        actor=service.Actor.worker(),
        lease=mine,
    )
    assert access_token_of(credential) == "canary-at-2"
