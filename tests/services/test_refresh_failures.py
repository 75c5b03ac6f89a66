"""What a failed renewal does: final at once where it is final, and otherwise never final at all."""

import time
from datetime import timedelta

import pytest

from credentials.models import Credential
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.outbound import GuardedAdapter
from credentials.services import renewal as service
from credentials.services import schedule, sweep
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.journeys import access_token_of, authorized_credential, refresh_token_of, token_of
from tests.support.lying_server import Answer, LyingServer, error_answer, gzip_bomb, json_answer, token_answer
from tests.support.people import Cast
from tests.support.processes import free_port
from tests.support.tokens import change_token, make_due, make_ended

WORKER = Actor.worker()


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Authorized: access token canary-at-1, refresh token canary-rt-1."""
    return authorized_credential(cast, token_server)


def status_of(credential: Credential) -> tuple[str, str]:
    credential.refresh_from_db()
    return credential.status, credential.status_code


@pytest.mark.django_db
def test_promise_19_invalid_grant_is_final_at_once(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", error_answer("invalid_grant", "Token has been revoked."))
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert status_of(credential) == (Status.NEEDS_AUTHORIZATION, "invalid_grant")
    assert "Token has been revoked" in credential.status_reason
    assert token_of(credential).refresh_at is None

    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert sweep.due_renewals() == []
    assert len(token_server.requests) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"])
def test_what_only_an_edit_can_mend_is_not_tried_again(
    credential: Credential, token_server: LyingServer, code: str
) -> None:
    token_server.on("/token", error_answer(code, status=401))
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert status_of(credential) == (Status.FAILED, code)
    assert sweep.due_renewals() == []
    assert refresh_token_of(credential) == "canary-rt-1"


PASSING = {
    "500": Answer(status=500),
    "502 in HTML": Answer(status=502, body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "503 with a token": token_answer("canary-at-evil", status=503),
    "429": Answer(status=429),
    "408": Answer(status=408),
    "temporarily_unavailable": error_answer("temporarily_unavailable"),
    "a page of somebody else": Answer(body=b"<html>Login to the hotel's network</html>"),
    "a broken connection": Answer(raw=b""),
    "half an answer": Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    "a bomb": gzip_bomb(),
    "a maintenance redirect": Answer(status=302, headers={"Location": "https://status.example/"}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("how", PASSING)
def test_promise_19_a_failure_that_may_pass_is_tried_again_later(
    credential: Credential, token_server: LyingServer, how: str
) -> None:
    token_server.on("/token", PASSING[how])
    make_due(credential)
    before = database_now()
    assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
    token = token_of(credential)
    assert before + timedelta(seconds=3.7) <= token.refresh_at <= database_now() + timedelta(seconds=5)
    assert (token.failures, token.generation, token.lease_until) == (1, 1, None)
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-1", "canary-rt-1")
    # Its access token lives, so nobody is alarmed.
    assert status_of(credential) == (Status.ACTIVE, "")

    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_server_that_is_not_there_is_tried_again_later(credential: Credential, token_server: LyingServer) -> None:
    gone = {**credential.payload, "token_url": f"https://127.0.0.1:{free_port()}/token"}
    Credential.objects.filter(pk=credential.pk).update(payload=gone)
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
    assert status_of(credential) == (Status.FAILED, "network")
    assert token_of(credential).refresh_at is not None


@pytest.mark.django_db
@pytest.mark.parametrize(("said", "seconds"), [("120", 120), ("999999", 3600), ("2", 3.7)])
def test_promise_19_retry_after_is_obeyed_within_bounds(
    credential: Credential, token_server: LyingServer, said: str, seconds: float
) -> None:
    token_server.on("/token", Answer(status=429, headers={"Retry-After": said}))
    make_due(credential)
    before = database_now()
    refresh(credential.pk, actor=WORKER)
    wait = (token_of(credential).refresh_at - before).total_seconds()
    assert seconds <= wait < seconds + 5


@pytest.mark.django_db
def test_promise_19_an_outage_of_any_length_ends_nothing(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", Answer(status=503))
    for _ in range(60):
        make_ended(credential)
        assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
        wait = token_of(credential).refresh_at - database_now()
        assert wait <= timedelta(seconds=schedule.LONGEST_WAIT)
    assert wait > timedelta(seconds=600)
    assert status_of(credential) == (Status.FAILED, "server_error")
    assert refresh_token_of(credential) == "canary-rt-1"

    token_server.on("/token", token_answer("canary-at-2"))
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert status_of(credential) == (Status.ACTIVE, "")
    assert token_of(credential).failures == 0


@pytest.mark.django_db
def test_promise_19_a_person_can_retry_during_the_back_off(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", Answer(status=503), token_answer("canary-at-2"))
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    seen = token_of(credential).generation
    assert refresh(credential.pk, actor=WORKER, instead_of=seen) is Outcome.RENEWED
    assert access_token_of(credential) == "canary-at-2"


HANGING = {
    "silent": Answer(hang=True),
    "dripping body": Answer(body=b"{" + b" " * 1000, drip=0.2),
    "dripping headers": Answer(body=b"{}", drip=0.2, drip_headers=True),
    "endless body": Answer(endless=True, drip=0.01),
}


@pytest.mark.django_db
@pytest.mark.parametrize("how", HANGING)
def test_promise_21_a_hung_provider_is_left_at_the_deadline(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked: list[float] = []

    def hasty(*, deadline: float) -> GuardedAdapter:
        asked.append(deadline)
        return GuardedAdapter(deadline=1.0)

    monkeypatch.setattr(service, "GuardedAdapter", hasty)
    token_server.on("/token", HANGING[how])
    make_ended(credential)
    began = time.monotonic()
    assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
    assert time.monotonic() - began < 2.5
    assert asked == [15.0]
    assert status_of(credential) == (Status.FAILED, "timeout")


@pytest.mark.django_db
def test_secrets_that_cannot_be_opened_are_said_and_nobody_is_called(
    credential: Credential, token_server: LyingServer
) -> None:
    other = token_of(credential)
    # An access token in the refresh token's place was sealed for another column.
    change_token(credential, refresh_token=other.access_token)
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert status_of(credential) == (Status.FAILED, "secrets_unreadable")
    assert token_server.requests == []


@pytest.mark.django_db
def test_a_failure_is_told_in_the_audit_log_without_the_secrets_that_the_provider_repeats(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on(
        "/token", json_answer({"error": "invalid_grant", "error_description": "no: canary-client-secret"}, status=400)
    )
    make_ended(credential)
    refresh(credential.pk, actor=WORKER)
    entry = AuditEntry.objects.filter(action="token.refresh_failed").get()
    assert (entry.outcome, entry.details["error"], entry.details["final"]) == ("failed", "invalid_grant", True)
    credential.refresh_from_db()
    assert "canary-client-secret" not in credential.status_reason
    assert "[hidden]" in credential.status_reason
