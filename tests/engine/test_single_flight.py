"""Fifty bots ask at once when a token has ended, of a provider that ends the grant at the second refresh."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.support.inside import Inside, wake
from tests.support.journeys import Visitor, bot_token, set_the_stage
from tests.support.product import Product
from tests.support.sandbox_server import Sandbox

BOTS = 50
ROUNDS = 20
WORKERS = 4
TAKES = 0.3  # seconds that the provider lets a refresh wait, so that the others come while it is under way


@pytest.fixture(scope="module")
def slow_sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return start_sandbox(takes=TAKES)


def storm(product: Product, sandbox: Sandbox) -> None:
    """Twenty rounds of fifty requests, and of the same task for every worker at the same time."""
    stage = set_the_stage(product)
    added = Visitor(product.url, stage).sign_in().add_authorized(sandbox)
    client_id, credential_id = added.application.client_id, added.credential_id
    inside = Inside(product)
    seen = {bot_token(product.url, stage, credential_id).json()["access_token"]}
    barrier = threading.Barrier(BOTS + 1)

    def ask(number: int) -> tuple[datetime, requests.Response]:
        """When it was asked, and the answer."""
        barrier.wait()
        return datetime.now(UTC), bot_token(product.urls[number % 2], stage, credential_id)

    with ThreadPoolExecutor(BOTS) as bots:
        for round_number in range(1, ROUNDS + 1):
            sandbox.expire(client_id)
            inside.end_token(credential_id)
            asking = [bots.submit(ask, number) for number in range(BOTS)]
            barrier.wait()
            wake(product, "refresh_token", credential_id, times=WORKERS)
            asked = [each.result() for each in asking]
            answers = [answer for _, answer in asked]
            assert [answer.status_code for answer in answers] == [200] * BOTS, {answer.text for answer in answers}
            tokens = {answer.json()["access_token"] for answer in answers}
            assert len(tokens) == 1
            assert not tokens & seen
            seen |= tokens
            stats = sandbox.stats(client_id)
            assert stats.token_requests == {"authorization_code": 1, "refresh_token": round_number}
            assert stats.refused == {}
            assert inside.generation(credential_id) == round_number + 1
            assert_met([moment for moment, _ in asked], inside.last_attempt(credential_id))

    assert sandbox.stats(client_id).live_grants == 1
    headers = {"Authorization": f"Bearer {tokens.pop()}"}
    order = requests.get(f"{sandbox.url}/api/orders/A-1001", headers=headers, timeout=10)
    assert order.status_code == 200
    assert inside.status(credential_id) == ("active", "")
    assert set(inside.attempts(credential_id)) == {("applied", "")}


def assert_met(asked: list[datetime], refresh: tuple[datetime, datetime]) -> None:
    """The refresh began after somebody had asked, and before it was over each web process was asked several times."""
    began, ended = refresh
    assert ended - began >= timedelta(seconds=TAKES)
    assert min(asked) < began
    met = [number % 2 for number, moment in enumerate(asked) if moment < ended]
    assert min(met.count(0), met.count(1)) > 1


def test_promise_14_each_end_of_a_token_costs_one_refresh_on_sqlite(
    product: Callable[..., Product], slow_sandbox: Sandbox
) -> None:
    storm(product(web=2, workers=WORKERS, env={"OUTBOUND_ALLOW": slow_sandbox.host_and_port}), slow_sandbox)


@pytest.mark.postgres
@pytest.mark.redis
def test_promise_14_each_end_of_a_token_costs_one_refresh_on_postgres(
    product: Callable[..., Product], slow_sandbox: Sandbox, redis_url: str
) -> None:
    allowed = {"OUTBOUND_ALLOW": slow_sandbox.host_and_port}
    storm(product(web=2, workers=WORKERS, database="postgres", redis_url=redis_url, env=allowed), slow_sandbox)
