"""From a credential to a usable token: whoever asks gets one that lives, and of all who ask one makes it."""

import time
from datetime import timedelta

import pytest

from credentials import runtime
from credentials.models import Credential
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.runtime import WAIT_SECONDS, NeedsAuthorization, Unavailable, make_ready
from credentials.services import refresh as refreshing
from organizations.audit import Actor
from tests.support.credentials import give_token, make_credential
from tests.support.journeys import access_token_of, authorized_credential, new_credential, token_of
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer, token_answer
from tests.support.people import Cast
from tests.support.processes import wait_until
from tests.support.tokens import at_once, change_token, elsewhere, leave_attempt, leave_lease, make_due, make_ended

BOT = Actor.command("bot")


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Authorized: tokens canary-at-1 and canary-rt-1. The next answer rotates; a second request is a reuse."""
    made = authorized_credential(cast, token_server)
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), error_answer("invalid_grant"))
    return made


def served(credential: Credential, *, patience: float = WAIT_SECONDS) -> str:
    ready = make_ready(credential, actor=BOT, patience=patience)
    assert ready.material.token is not None
    return ready.material.token.access_token


@pytest.mark.django_db
def test_a_token_that_lives_is_served_without_a_call(credential: Credential, token_server: LyingServer) -> None:
    assert served(credential) == "canary-at-1"
    assert token_server.requests == []


@pytest.mark.django_db
def test_a_token_that_has_ended_is_renewed_first(credential: Credential, token_server: LyingServer) -> None:
    make_ended(credential)
    assert served(credential) == "canary-at-2"
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_token_about_to_end_counts_as_ended(credential: Credential) -> None:
    change_token(credential, expires_at=database_now() + timedelta(seconds=1))
    assert served(credential) == "canary-at-2"


@pytest.mark.django_db(transaction=True)
def test_promise_14_of_many_that_ask_at_once_one_renews_and_all_get_the_new_token(
    credential: Credential, token_server: LyingServer
) -> None:
    make_ended(credential)
    assert at_once([lambda: served(credential)] * 16) == ["canary-at-2"] * 16
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_that_ask_during_an_outage_one_calls(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", Answer(status=503, wait=0.2))
    make_ended(credential)
    results = at_once([lambda: served(credential)] * 12)
    assert {type(each) for each in results} == {Unavailable}
    assert len(token_server.requests) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("expires_in", [0.001, 1, 2])
def test_a_provider_of_very_short_lives_is_asked_once_for_each_request(
    credential: Credential, token_server: LyingServer, expires_in: float
) -> None:
    token_server.on("/token", *(token_answer(f"canary-at-{number}", expires_in=expires_in) for number in range(2, 9)))
    make_ended(credential)
    assert served(credential) == "canary-at-2"
    assert len(token_server.requests) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("refusal", [error_answer("invalid_grant"), error_answer("invalid_client"), Answer(status=500)])
def test_a_token_that_lives_is_served_though_its_early_renewal_failed(
    credential: Credential, token_server: LyingServer, refusal: Answer
) -> None:
    token_server.on("/token", refusal)
    make_due(credential)
    refreshing.refresh(credential.pk, actor=BOT)
    assert token_of(credential).failures == 1
    assert served(credential) == "canary-at-1"
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_during_the_back_off_nobody_is_called_and_the_caller_learns_when_to_ask_again(
    credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", Answer(status=429, headers={"Retry-After": "90"}))
    make_ended(credential)
    for _ in range(3):
        with pytest.raises(Unavailable) as refusal:
            served(credential)
        assert 85 < refusal.value.retry_after <= 90
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_when_only_a_person_can_help_the_caller_learns_why(credential: Credential, token_server: LyingServer) -> None:
    token_server.on("/token", error_answer("invalid_grant"))
    make_ended(credential)
    for _ in range(2):
        with pytest.raises(NeedsAuthorization, match="was revoked"):
            served(credential)
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_what_was_never_authorized_says_so(cast: Cast, token_server: LyingServer) -> None:
    with pytest.raises(NeedsAuthorization, match="has not been authorized yet"):
        served(new_credential(cast, token_server.url("/token")))


@pytest.mark.django_db
def test_a_token_that_nothing_renews_ends_with_its_reason(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None})
    change_token(credential, expires_at=database_now() - timedelta(seconds=1))
    Credential.objects.filter(pk=credential.pk).update(expires_at=database_now() - timedelta(seconds=1))
    with pytest.raises(NeedsAuthorization, match="issued no refresh token"):
        served(credential)
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION


@pytest.mark.django_db
def test_patience_has_an_end(credential: Credential, token_server: LyingServer) -> None:
    make_ended(credential)
    leave_lease(credential, seconds_left=30)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="is being renewed"):
        served(credential, patience=0.5)
    assert time.monotonic() - began < 1
    assert token_server.requests == []


@pytest.mark.django_db
def test_nobody_begins_a_renewal_that_could_outlast_the_time_there_is(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call has 20 seconds in all. Who got the lease of a dead process with 14 of them left would need 15 more."""
    monkeypatch.setattr(runtime, "CALL_SECONDS", 2.9)
    make_ended(credential)
    leave_lease(credential, seconds_left=0.3)
    with pytest.raises(Unavailable, match="no time left"):
        served(credential, patience=3.0)
    assert token_server.requests == []
    assert served(credential) == "canary-at-2"


def test_there_is_time_for_a_renewal_as_long_as_its_request_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.time, "monotonic", lambda: 100.0)
    assert runtime.has_time_to_renew(115.0)
    assert not runtime.has_time_to_renew(114.9)


@pytest.mark.django_db
@pytest.mark.parametrize("patience", [WAIT_SECONDS, 1.0])
def test_a_bot_finishes_what_a_dead_worker_left(
    credential: Credential, token_server: LyingServer, patience: float
) -> None:
    """Also one who has no time for a request: the answer is here."""
    make_ended(credential)
    leave_attempt(
        credential, answer={"access_token": "canary-at-stored", "refresh_token": "canary-rt-stored", "expires_in": 60}
    )
    leave_lease(credential)
    assert served(credential, patience=patience) == "canary-at-stored"
    assert token_server.requests == []


@pytest.mark.django_db(transaction=True)
def test_a_credential_deleted_while_a_bot_waits_is_said_to_be_gone(
    credential: Credential, token_server: LyingServer
) -> None:
    def answers(request: Recorded) -> Answer:
        elsewhere(lambda: Credential.objects.filter(pk=credential.pk).delete())
        return token_answer("canary-at-2")

    token_server.on("/token", answers)
    make_ended(credential)
    results = at_once([lambda: served(credential)] * 3)
    assert [str(each) for each in results] == ["it was deleted"] * 3
    assert {type(each) for each in results} == {NeedsAuthorization}
    assert len(token_server.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_a_hung_provider_does_not_delay_another_credentials_token(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    other = authorized_credential(cast, token_server, path="/other")
    token_server.on("/token", Answer(status=503, wait=3))
    make_ended(credential)
    took: list[float] = []

    def ask_the_other() -> str:
        wait_until(lambda: bool(token_server.requests), seconds=5, what="the call to the hung provider")
        began = time.monotonic()
        token = served(other)
        took.append(time.monotonic() - began)
        return token

    results = at_once([lambda: served(credential), ask_the_other])
    assert isinstance(results[0], Unavailable)
    assert results[1] == "canary-at-1"
    assert took[0] < 1


@pytest.mark.django_db
def test_a_token_whose_end_nobody_knows_is_good_for_the_bounded_default(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None, "expires_in": None})
    ready = make_ready(credential, actor=BOT)
    until = runtime.until_when(ready)
    assert until is not None
    assert timedelta(minutes=59) < until - database_now() <= timedelta(hours=1)
    assert access_token_of(credential) == "canary-at-1"


def test_who_is_told_that_access_has_ended_a_moment_before_its_end_leaves_that_on_the_credential(cast: Cast) -> None:
    credential = make_credential(cast.organization, expires_at=database_now() + timedelta(seconds=1))
    give_token(credential, expires_in=timedelta(seconds=1), refresh_at=None)
    with pytest.raises(NeedsAuthorization):
        make_ready(credential, actor=Actor.worker())
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION
