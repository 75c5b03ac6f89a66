"""Codes of consumers ask the breaker of the token endpoint before they are sent, and tell it what came of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, Credential, TokenEndpoint
from credentials.services import sweep
from tests.api.conftest import Caller, bot, caller_of
from tests.consumers.test_challenges import ask, credential, fresh_cache, idp, press, status, will_answer, work
from tests.support.journeys import token_server
from tests.support.lying_server import Answer, LyingServer, error_answer, token_answer

__all__ = ["bot", "caller_of", "credential", "fresh_cache", "idp", "token_server"]

pytestmark = pytest.mark.django_db


def came_back(bot: Caller, credential: Credential, conversation: str) -> str:
    """The id of a challenge whose code is here."""
    asked = ask(bot, credential, conversation)
    press(asked["url"]).come_back()
    return str(asked["id"])


def asked(server: LyingServer) -> int:
    return [request.path for request in server.requests].count("/token")


@pytest.fixture
def down(bot: Caller, credential: Credential, token_server: LyingServer) -> TokenEndpoint:
    """Three codes in a row have met a provider that is out of order."""
    token_server.on("/token", Answer(status=503))
    for number in range(3):
        failed = came_back(bot, credential, f"before-{number}")
        assert work() == 1
        assert status(bot, failed)[0] == "failed"
    return TokenEndpoint.objects.get(down_since__isnull=False)


def test_failures_open_the_breaker_and_the_next_code_waits(
    bot: Caller, credential: Credential, down: TokenEndpoint, token_server: LyingServer
) -> None:
    waiting = came_back(bot, credential, "next")
    assert work() == 0
    assert status(bot, waiting) == ("received", None)
    assert asked(token_server) == 3
    assert [str(each) for each in sweep.find().challenges] == [waiting]


def test_a_code_that_waits_is_the_probe_and_its_answer_closes_the_breaker(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, down: TokenEndpoint, token_server: LyingServer
) -> None:
    first = ask(bot, credential, "next")
    consumer = press(first["url"])
    consumer.come_back()
    assert work() == 0
    TokenEndpoint.objects.update(probe_at=timezone.now() - timedelta(seconds=1))
    will_answer(token_server, idp, consumer)
    assert work() == 1
    assert status(bot, first["id"]) == ("succeeded", None)
    down.refresh_from_db()
    assert (down.down_since, down.failures) == (None, 0)


def test_a_probe_that_fails_puts_off_the_next_one(
    bot: Caller, credential: Credential, down: TokenEndpoint, token_server: LyingServer
) -> None:
    TokenEndpoint.objects.update(probe_at=timezone.now() - timedelta(seconds=1))
    for number in range(2):
        came_back(bot, credential, f"probe-{number}")
    assert work() == 1
    assert asked(token_server) == 4
    down.refresh_from_db()
    assert down.probes == 1
    assert down.probe_at is not None
    assert down.probe_at > timezone.now()


def test_a_code_that_waited_too_long_ends_with_the_reason(
    bot: Caller, credential: Credential, down: TokenEndpoint, token_server: LyingServer
) -> None:
    waiting = came_back(bot, credential, "next")
    ConsumerChallenge.objects.filter(pk=waiting).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert work() == 1
    assert status(bot, waiting) == ("failed", "provider_down")
    assert asked(token_server) == 3


@pytest.mark.parametrize(
    "answer", [error_answer("invalid_grant"), token_answer(id_token="not one")], ids=["a refusal", "a wrong ID token"]
)
def test_what_the_provider_says_is_an_answer(
    bot: Caller, credential: Credential, token_server: LyingServer, answer: Answer
) -> None:
    token_server.on("/token", answer)
    for number in range(4):
        failed = came_back(bot, credential, f"c-{number}")
        assert work() == 1
        assert status(bot, failed)[0] == "failed"
    endpoint = TokenEndpoint.objects.get()
    assert (endpoint.down_since, endpoint.failures) == (None, 0)
    assert endpoint.answered_at is not None


def test_a_provider_that_does_not_answer_at_all_counts_too(
    bot: Caller, credential: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", Answer(raw=b""))
    failed = came_back(bot, credential, "c-1")
    assert work() == 1
    assert status(bot, failed) == ("failed", "network")
    assert TokenEndpoint.objects.get().failures == 1
