"""One process at a time may talk to the token endpoint on behalf of a credential."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from credentials.models import Credential, OAuthToken
from credentials.models.clock import database_now
from credentials.services import lease, patience
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from tests.support.journeys import authorized_credential, token_of
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.tokens import at_once, leave_lease, make_due


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    return authorized_credential(cast, token_server)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_claim_at_once_one_gets_the_lease(credential: Credential) -> None:
    token = token_of(credential)
    claimed = [each for each in at_once([lambda: lease.claim(token)] * 12) if each is not None]
    assert len(claimed) == 1
    assert token_of(credential).lease_owner == claimed[0].owner


@pytest.mark.django_db
def test_a_lease_that_is_held_is_not_given_again_and_one_that_ended_is(credential: Credential) -> None:
    leave_lease(credential, seconds_left=5)
    assert lease.claim(token_of(credential)) is None
    leave_lease(credential, seconds_left=-1)
    assert lease.claim(token_of(credential)) is not None


@pytest.mark.django_db
def test_a_lease_ends_by_itself_after_45_seconds(credential: Credential) -> None:
    assert lease.claim(token_of(credential))
    left = token_of(credential).lease_until - database_now()
    assert timedelta(seconds=40) < left <= timedelta(seconds=45)


@pytest.mark.django_db
def test_a_claim_made_on_an_old_reading_is_refused(credential: Credential) -> None:
    read = token_of(credential)
    OAuthToken.objects.filter(pk=credential.pk).update(generation=read.generation + 1)
    assert lease.claim(read) is None

    read = token_of(credential)
    OAuthToken.objects.filter(pk=credential.pk).update(failures=1)
    assert lease.claim(read) is None


@pytest.mark.django_db
def test_giving_back_a_lease_that_has_passed_on_changes_nothing(credential: Credential) -> None:
    mine = lease.claim(token_of(credential))
    assert mine is not None
    leave_lease(credential, seconds_left=30)
    lease.release(mine)
    assert token_of(credential).lease_owner == "somebody"


@pytest.mark.django_db
def test_a_lease_that_was_given_back_is_free(credential: Credential) -> None:
    mine = lease.claim(token_of(credential))
    assert mine is not None
    lease.release(mine)
    assert lease.claim(token_of(credential)) is not None


def test_a_call_that_is_sent_at_the_last_moment_ends_before_the_lease_does() -> None:
    assert lease.LEASE.total_seconds() > lease.LAST_MOMENT_TO_SEND + lease.CALL_SECONDS


@pytest.mark.django_db
def test_a_process_that_was_suspended_after_its_claim_does_not_send(
    credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(credential)
    claimed = lease.claim

    def claim_and_sleep(token: OAuthToken) -> lease.Lease | None:
        mine = claimed(token)
        assert mine is not None
        # Half a minute passes on the monotonic clock before this process goes on.
        return dataclasses.replace(mine, claimed=mine.claimed - 30)

    monkeypatch.setattr(lease, "claim", claim_and_sleep)
    assert refresh(credential.pk, actor=Actor.worker()) is Outcome.WAIT
    assert token_server.requests == []


class Away:
    """A database that refuses to take a lease back, `times` times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if self.left and sql.startswith("UPDATE") and "oauthtoken" in sql:
            self.left -= 1
            raise OperationalError("the server is being restarted")
        return execute(sql, *arguments)


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_given_back_to_a_database_that_was_away_for_a_moment(
    credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
    mine = lease.claim(token_of(credential))
    assert mine is not None
    with connection.execute_wrapper(Away(3)):
        lease.release(mine)
    assert token_of(credential).lease_until is None


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_or_a_transaction_that_is_broken_is_not_asked_for_ever(
    credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(lease, "RELEASE_SECONDS", 0.5)
    mine = lease.claim(token_of(credential))
    assert mine is not None
    stays_away = Away(1_000)
    with connection.execute_wrapper(stays_away), pytest.raises(OperationalError):
        lease.release(mine)
    left = stays_away.left
    assert left < 1_000 - 1
    with connection.execute_wrapper(stays_away), pytest.raises(OperationalError), transaction.atomic():
        lease.release(mine)
    assert stays_away.left == left - 1
