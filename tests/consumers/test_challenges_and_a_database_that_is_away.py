"""A consumer's code is redeemed once: what came of it is not lost with a database that is away for a moment."""

import pytest
from django.db import OperationalError, connection

from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, Credential
from credentials.services import lease
from tests.api.conftest import Caller, bot, caller_of
from tests.consumers.test_challenges import (
    TOKEN,
    ask,
    credential,
    fresh_cache,
    idp,
    press,
    status,
    token,
    will_answer,
    work,
)
from tests.support.away import Away, Step, impatient
from tests.support.journeys import token_server
from tests.support.lying_server import LyingServer

__all__ = ["bot", "caller_of", "credential", "fresh_cache", "idp", "impatient", "token_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("impatient")]
TABLE = "credentials_consumerchallenge"


class AwayOnceItAnswered(Away):
    """For the first writes after the provider has answered."""

    def __init__(self, times: int, server: LyingServer) -> None:
        super().__init__(times, TABLE)
        self._server = server

    def __call__(self, execute: Step, sql: str, *arguments: object) -> object:
        return super().__call__(execute, sql, *arguments) if token_requests(self._server) else execute(sql, *arguments)


def token_requests(server: LyingServer) -> int:
    return sum(request.path == "/token" for request in server.requests)


@pytest.fixture
def challenge(bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer) -> str:
    """The id of one whose code is here."""
    asked = ask(bot, credential)
    consumer = press(asked["url"])
    will_answer(token_server, idp, consumer)
    consumer.come_back()
    return str(asked["id"])


def test_a_consumers_token_outlives_a_database_that_is_away_for_a_while(
    bot: Caller, credential: Credential, challenge: str, token_server: LyingServer
) -> None:
    away = AwayOnceItAnswered(4, token_server)
    with connection.execute_wrapper(away):
        assert work() == 1
    assert away.left == 0
    assert status(bot, challenge) == ("succeeded", None)
    assert token(bot, credential, conversation="c-1").json()["access_token"] == TOKEN
    assert token_requests(token_server) == 1


def test_a_database_that_stays_away_is_not_waited_for_longer_than_the_claim_lasts(
    challenge: str, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LAST_MOMENT_TO_STORE", 0.05)
    with (
        connection.execute_wrapper(AwayOnceItAnswered(1_000_000, token_server)),
        pytest.raises(OperationalError),
    ):
        work()
    assert not ConsumerChallenge.objects.get(pk=challenge).answer
    assert token_requests(token_server) == 1
