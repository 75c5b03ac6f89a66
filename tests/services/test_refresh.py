"""Renewing a token: once, in one write, and never for nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from credentials.crypto.fields import JSON
from credentials.models import Credential, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.oauth.answer import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS
from credentials.services.refresh import Outcome, refresh, refresh_as_read
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.journeys import (
    access_token_of,
    authorized_credential,
    new_credential,
    refresh_token_of,
    token_of,
)
from tests.support.lying_server import Answer, LyingServer, error_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once, leave_lease, make_due, make_ended

WORKER = Actor.worker()


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Authorized: access token canary-at-1, refresh token canary-rt-1. The next answer rotates both."""
    made = authorized_credential(cast, token_server)
    token_server.on(
        "/token",
        token_answer("canary-at-2", refresh_token="canary-rt-2"),
        token_answer("canary-at-3", refresh_token="canary-rt-3"),
    )
    return made


@pytest.mark.django_db
def test_a_due_token_is_renewed_with_its_refresh_token(credential: Credential, token_server: LyingServer) -> None:
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    (request,) = token_server.requests
    assert request.form == {"grant_type": "refresh_token", "refresh_token": "canary-rt-1"}
    assert access_token_of(credential) == "canary-at-2"
    assert token_of(credential).generation == 2
    assert token_of(credential).refresh_at > database_now()


@pytest.mark.django_db
def test_promise_15_a_rotated_refresh_token_is_replaced_in_the_same_write_as_the_access_token(
    credential: Credential,
) -> None:
    make_due(credential)
    with CaptureQueriesContext(connection) as queries:
        refresh(credential.pk, actor=WORKER)
    writes = [
        each["sql"] for each in queries if each["sql"].startswith("UPDATE") and '"access_token" = ' in each["sql"]
    ]
    assert len(writes) == 1
    assert '"refresh_token" = ' in writes[0]
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-2")


@pytest.mark.django_db
def test_promise_15_an_answer_without_refresh_token_keeps_the_old_one(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-2"), token_answer("canary-at-3"))
    for access_token in ("canary-at-2", "canary-at-3"):
        make_due(credential)
        assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
        assert access_token_of(credential) == access_token
        assert refresh_token_of(credential) == "canary-rt-1"
    assert [request.form["refresh_token"] for request in token_server.requests] == ["canary-rt-1", "canary-rt-1"]


@pytest.mark.django_db
def test_a_token_that_is_not_due_is_left_alone(credential: Credential, token_server: LyingServer) -> None:
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert token_server.requests == []


@pytest.mark.django_db
def test_promise_18_the_same_task_twice_calls_once(credential: Credential, token_server: LyingServer) -> None:
    make_due(credential)
    outcomes = [refresh(credential.pk, actor=WORKER) for _ in range(3)]
    assert outcomes == [Outcome.RENEWED, Outcome.NOT_DUE, Outcome.NOT_DUE]
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_promise_18_the_same_task_in_many_workers_at_once_calls_once(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), error_answer("invalid_grant"))
    make_due(credential)
    outcomes = at_once([lambda: refresh(credential.pk, actor=WORKER)] * 8)
    assert outcomes.count(Outcome.RENEWED) == 1
    assert set(outcomes) <= {Outcome.RENEWED, Outcome.BUSY, Outcome.NOT_DUE}
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_promise_18_a_task_that_names_an_older_token_is_stale(
    credential: Credential, token_server: LyingServer
) -> None:
    seen = token_of(credential).generation
    assert refresh(credential.pk, actor=WORKER, instead_of=seen) is Outcome.RENEWED
    assert refresh(credential.pk, actor=WORKER, instead_of=seen) is Outcome.NOT_DUE
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_reader_who_was_overtaken_does_not_ask_again(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", Answer(status=503))
    make_ended(credential)
    read = token_of(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT
    assert refresh_as_read(read, actor=WORKER) is Outcome.BUSY
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_token_that_another_process_is_renewing_is_left_to_it(
    credential: Credential, token_server: LyingServer
) -> None:
    make_due(credential)
    leave_lease(credential, seconds_left=30)
    assert refresh(credential.pk, actor=WORKER) is Outcome.BUSY
    assert token_server.requests == []


@pytest.mark.django_db
def test_client_credentials_are_asked_anew(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, grant="client_credentials")
    token_server.on("/token", token_answer("canary-at-2"))
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert token_server.requests[0].form["grant_type"] == "client_credentials"
    assert access_token_of(credential) == "canary-at-2"
    assert token_of(credential).refresh_at is not None


@pytest.mark.django_db
def test_what_was_never_authorized_is_never_asked_for(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    assert refresh(credential.pk, actor=WORKER, instead_of=0) is Outcome.NOT_DUE
    assert token_server.requests == []


@pytest.mark.django_db
def test_a_token_without_refresh_token_is_not_tried(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None})
    assert token_of(credential).refresh_at is None
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert token_of(credential).refresh_at is None
    assert token_server.requests == []


ODDITIES = ["", "null", '"3600"', "0", "-1", "1e400", "NaN", "Infinity", "1000000000000", '"soon"', "true", "[]", "{}"]


@pytest.mark.django_db
@pytest.mark.parametrize("expires_in", ODDITIES)
def test_promise_20_any_expires_in_gives_an_end_within_bounds(
    credential: Credential, token_server: LyingServer, expires_in: str
) -> None:
    member = f', "expires_in": {expires_in}' if expires_in else ""
    body = f'{{"access_token": "canary-at-2", "token_type": "Bearer"{member}}}'
    token_server.on("/token", Answer(body=body.encode(), headers={"Content-Type": "application/json"}))
    make_due(credential)
    before = database_now()
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    token = token_of(credential)
    lifetime = (token.expires_at - before).total_seconds()
    expected = MAX_LIFETIME_SECONDS if expires_in == "1000000000000" else DEFAULT_LIFETIME_SECONDS
    assert expected <= lifetime < expected + 10
    assert before < token.refresh_at < token.expires_at


@pytest.mark.django_db
def test_a_number_with_a_thousand_digits_is_no_reason_to_fail_for_ever(
    credential: Credential, token_server: LyingServer
) -> None:
    body = b'{"access_token": "canary-at-2", "token_type": "Bearer", "expires_in": 1' + b"0" * 1000 + b"}"
    token_server.on("/token", Answer(body=body))
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert token_of(credential).expires_at <= database_now() + timedelta(seconds=MAX_LIFETIME_SECONDS)


@pytest.mark.django_db
def test_a_renewal_is_told_in_the_audit_log_and_leaves_no_answer_behind(credential: Credential) -> None:
    make_due(credential)
    refresh(credential.pk, actor=WORKER)
    entry = AuditEntry.objects.filter(action="token.refreshed").get()
    assert (entry.object_id, entry.outcome, entry.details["generation"]) == (str(credential.pk), "ok", 2)
    assert (
        list(TokenAttempt.objects.filter(token_id=credential.pk).values_list("state", "answer"))
        == [("applied", "")] * 2
    )


@pytest.mark.django_db
def test_a_renewal_brings_a_failed_credential_back(credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(status=Status.FAILED, status_code="network", status_reason="x")
    make_ended(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    credential.refresh_from_db()
    assert (credential.status, credential.status_code, credential.status_reason) == (Status.ACTIVE, "", "")


@pytest.mark.django_db
def test_the_scope_of_the_renewed_token_is_kept_unless_the_answer_names_another(
    credential: Credential, token_server: LyingServer
) -> None:
    granted: JSON = token_of(credential).scope
    make_due(credential)
    refresh(credential.pk, actor=WORKER)
    assert token_of(credential).scope == granted
    token_server.on("/token", token_answer("canary-at-9", scope="read"))
    make_due(credential)
    refresh(credential.pk, actor=WORKER)
    assert token_of(credential).scope == "read"
