"""What another process left behind: stored answers, requests without an answer, rows that are gone."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from credentials.models import Credential, OAuthToken, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.token import AttemptState, Grant
from credentials.oauth import answer
from credentials.services import exchange, journal, lease, sweep
from credentials.services.refresh import CredentialRenewal, Outcome, refresh
from organizations.audit import Actor
from tests.support.away import Away, Step, impatient
from tests.support.journeys import (
    access_token_of,
    authorized_credential,
    received_authorization,
    refresh_token_of,
    token_of,
)
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import change_token, elsewhere, leave_attempt, leave_lease, make_due, make_ended

__all__ = ["impatient"]

WORKER = Actor.worker()


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Authorized: access token canary-at-1, refresh token canary-rt-1."""
    return authorized_credential(cast, token_server)


def delete(credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).delete()


@pytest.mark.django_db
@pytest.mark.parametrize("due", [True, False])
def test_promise_16_the_answer_that_a_dead_process_stored_is_applied_without_a_call(
    credential: Credential, token_server: LyingServer, due: bool
) -> None:
    if due:
        make_ended(credential)
    leave_attempt(credential, answer={"access_token": "canary-at-2", "refresh_token": "canary-rt-2", "expires_in": 60})
    leave_lease(credential)
    assert sweep.due_renewals() == [credential.pk]
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-2")
    assert token_server.requests == []
    assert not TokenAttempt.objects.exclude(answer="").exists()


@pytest.mark.django_db
def test_a_stored_refusal_counts_as_well(credential: Credential, token_server: LyingServer) -> None:
    make_ended(credential)
    attempt = leave_attempt(credential)
    journal.keep_answer(attempt, journal.RawAnswer(400, {}, '{"error": "invalid_grant"}'))
    leave_lease(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION
    assert token_server.requests == []


@pytest.mark.django_db
def test_a_stored_answer_survives_a_swap_that_the_database_refused(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), error_answer("invalid_grant"))
    make_ended(credential)

    def locked(*args: object, **kwargs: object) -> bool:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "apply", locked)
        with pytest.raises(OperationalError):
            refresh(credential.pk, actor=WORKER)
    # Nobody has to wait for the lease to end: it was given back.
    assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-2")
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("impatient")
def test_a_rotated_answer_outlives_a_database_that_is_away_for_a_while(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), error_answer("invalid_grant"))
    make_ended(credential)
    away = Away(4)
    with connection.execute_wrapper(away):
        assert refresh(credential.pk, actor=WORKER) is Outcome.RENEWED
    assert away.left == 0
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-2")
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("impatient")
def test_the_first_token_outlives_a_database_that_is_away_for_a_while(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), error_answer("invalid_grant"))
    waiting = received_authorization(cast, credential)
    with connection.execute_wrapper(Away(4)):
        assert exchange.exchange(waiting)
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-2")
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("impatient")
def test_a_database_that_stays_away_is_not_waited_for_longer_than_the_lease_lasts(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LAST_MOMENT_TO_STORE", 0.05)
    token_server.on("/token", token_answer("canary-at-2"))
    make_ended(credential)
    with connection.execute_wrapper(Away(1_000_000)), pytest.raises(OperationalError):
        refresh(credential.pk, actor=WORKER)
    assert token_of(credential).lease_until is None


@pytest.mark.django_db
def test_giving_up_on_a_token_leaves_alone_the_one_that_was_authorized_meanwhile(
    credential: Credential, token_server: LyingServer
) -> None:
    renewal = CredentialRenewal(token_of(credential), WORKER)
    change_token(credential, generation=2)
    renewal.stop_trying()
    assert token_of(credential).refresh_at is not None


@pytest.mark.django_db
def test_promise_16_a_request_without_an_answer_is_repeated_once_with_the_old_refresh_token(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", error_answer("invalid_grant"))
    make_ended(credential)
    left = leave_attempt(credential)
    leave_lease(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    left.refresh_from_db()
    assert (left.state, left.error) == (AttemptState.FAILED, "interrupted")
    assert [request.form["refresh_token"] for request in token_server.requests] == ["canary-rt-1"]
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.NEEDS_AUTHORIZATION, "invalid_grant")
    assert sweep.due_renewals() == []


@pytest.mark.django_db
def test_promise_16_a_token_at_which_one_process_after_another_dies_is_not_asked_for_in_a_loop(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(credential)

    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    # Each round a process dies after its request; nothing of its own hand is left but the lease, which then ends.
    monkeypatch.setattr(journal, "keep_answer", die)
    rounds = 0
    for _ in range(10):
        leave_lease(credential)
        if credential.pk not in sweep.due_renewals():
            break
        try:
            outcome = refresh(credential.pk, actor=WORKER)
        except Killed:
            rounds += 1
        else:
            assert outcome is Outcome.WAIT
            break
    assert rounds == len(token_server.requests) == 2
    wait = token_of(credential).refresh_at - database_now()
    assert timedelta(seconds=5) < wait <= timedelta(seconds=10)
    assert sweep.due_renewals() == []


@pytest.mark.django_db(transaction=True)
def test_promise_18_a_late_answer_is_dropped_after_somebody_authorized_again(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    authorization = received_authorization(cast, credential)

    def answers(request: Recorded) -> Answer:
        if request.form["grant_type"] == Grant.AUTHORIZATION_CODE:
            return token_answer("canary-at-new", refresh_token="canary-rt-new")
        # While the refresh is on its way, the person authorizes anew.
        assert elsewhere(lambda: exchange.exchange(authorization))
        return token_answer("canary-at-late", refresh_token="canary-rt-late")

    token_server.on("/token", answers)
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.BUSY
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-new", "canary-rt-new")
    assert token_of(credential).generation == 2
    assert sorted(TokenAttempt.objects.values_list("state", "error")) == [
        ("applied", ""),
        ("applied", ""),
        ("failed", "superseded"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_late_refusal_does_not_end_what_was_authorized_meanwhile(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    authorization = received_authorization(cast, credential)

    def answers(request: Recorded) -> Answer:
        if request.form["grant_type"] == Grant.AUTHORIZATION_CODE:
            return token_answer("canary-at-new", refresh_token="canary-rt-new")
        assert elsewhere(lambda: exchange.exchange(authorization))
        return error_answer("invalid_grant")

    token_server.on("/token", answers)
    make_due(credential)
    refresh(credential.pk, actor=WORKER)
    credential.refresh_from_db()
    assert credential.status == Status.ACTIVE
    assert token_of(credential).refresh_at is not None
    assert access_token_of(credential) == "canary-at-new"


@pytest.mark.django_db
def test_an_authorization_erases_what_older_renewals_left(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    left = leave_attempt(credential, answer={"access_token": "canary-at-orphan"})
    leave_lease(credential)
    token_server.on("/token", token_answer("canary-at-new", refresh_token="canary-rt-new"))
    assert exchange.exchange(received_authorization(cast, credential))
    left.refresh_from_db()
    assert (left.state, left.error, left.answer) == (AttemptState.FAILED, "superseded", "")
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert access_token_of(credential) == "canary-at-new"


@pytest.mark.django_db(transaction=True)
def test_a_credential_deleted_during_the_call_does_no_harm(credential: Credential, token_server: LyingServer) -> None:
    def answers(request: Recorded) -> Answer:
        elsewhere(lambda: delete(credential))
        return token_answer("canary-at-2", refresh_token="canary-rt-2")

    token_server.on("/token", answers)
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert sweep.due_renewals() == []
    assert not OAuthToken.objects.exists()
    assert not TokenAttempt.objects.exists()


GRANTED, REFUSED, DOWN = token_answer("canary-at-2"), error_answer("invalid_grant"), Answer(status=503)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("module", "step", "what"),
    [
        (journal, "begin", GRANTED),
        (journal, "kept_answer", GRANTED),
        (answer, "parse", GRANTED),
        (answer, "parse", DOWN),
        (journal, "apply", GRANTED),
        (journal, "fail_renewal", REFUSED),
        (journal, "fail_renewal", DOWN),
    ],
)
def test_a_credential_deleted_before_any_step_does_no_harm(
    credential: Credential,
    token_server: LyingServer,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    step: str,
    what: Answer,
) -> None:
    original: Step = getattr(module, step)

    def deleted_first(*args: object, **kwargs: object) -> object:
        delete(credential)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, step, deleted_first)
    token_server.on("/token", what)
    make_due(credential)
    assert refresh(credential.pk, actor=WORKER) in {Outcome.ENDED, Outcome.WAIT}
    monkeypatch.undo()
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert not TokenAttempt.objects.exists()


@pytest.mark.django_db
def test_the_lease_of_a_dead_process_on_a_token_that_is_not_due_is_cleared(
    credential: Credential, token_server: LyingServer
) -> None:
    leave_lease(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert token_of(credential).lease_until is None
    assert sweep.due_renewals() == []
    assert token_server.requests == []


@pytest.mark.django_db
def test_attempts_of_an_older_generation_are_not_applied(credential: Credential, token_server: LyingServer) -> None:
    leave_attempt(credential, answer={"access_token": "canary-at-old"})
    change_token(credential, generation=5)
    leave_lease(credential)
    assert refresh(credential.pk, actor=WORKER) is Outcome.NOT_DUE
    assert access_token_of(credential) == "canary-at-1"
