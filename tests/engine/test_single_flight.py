"""Fifty bots ask at once when a token has ended, of a provider that ends the grant at the second refresh."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.inside import Inside, wake
from tests.support.journeys import Visitor, bot_token, set_the_stage
from tests.support.product import Product
from tests.support.sandbox_server import Sandbox

BOTS = 50
ROUNDS = 20
WORKERS = 4


def storm(product: Product, sandbox: Sandbox) -> None:
    """Twenty rounds of fifty requests, each with the same task in the queue for every worker."""
    stage = set_the_stage(product)
    added = Visitor(product.url, stage).sign_in().add_authorized(sandbox)
    client_id, credential_id = added.application.client_id, added.credential_id
    inside = Inside(product)
    seen = {bot_token(product.url, stage, credential_id).json()["access_token"]}
    barrier = threading.Barrier(BOTS)

    def ask(number: int) -> requests.Response:
        barrier.wait()
        return bot_token(product.urls[number % 2], stage, credential_id)

    with ThreadPoolExecutor(BOTS) as bots:
        for round_number in range(1, ROUNDS + 1):
            sandbox.expire(client_id)
            inside.end_token(credential_id)
            wake(product, "refresh_token", credential_id, times=WORKERS)
            answers = list(bots.map(ask, range(BOTS)))
            assert [answer.status_code for answer in answers] == [200] * BOTS, {answer.text for answer in answers}
            tokens = {answer.json()["access_token"] for answer in answers}
            assert len(tokens) == 1
            assert not tokens & seen
            seen |= tokens
            stats = sandbox.stats(client_id)
            assert stats.token_requests == {"authorization_code": 1, "refresh_token": round_number}
            assert stats.refused == {}
            assert inside.generation(credential_id) == round_number + 1

    assert sandbox.stats(client_id).live_grants == 1
    headers = {"Authorization": f"Bearer {tokens.pop()}"}
    order = requests.get(f"{sandbox.url}/api/orders/A-1001", headers=headers, timeout=10)
    assert order.status_code == 200
    assert inside.status(credential_id) == ("active", "")
    assert set(inside.attempts(credential_id)) == {("applied", "")}


def test_promise_14_each_end_of_a_token_costs_one_refresh_on_sqlite(
    product: Callable[..., Product], sandbox: Sandbox
) -> None:
    storm(product(web=2, workers=WORKERS, env={"OUTBOUND_ALLOW": sandbox.host_and_port}), sandbox)


@pytest.mark.postgres
@pytest.mark.redis
def test_promise_14_each_end_of_a_token_costs_one_refresh_on_postgres(
    product: Callable[..., Product], sandbox: Sandbox, redis_url: str
) -> None:
    allowed = {"OUTBOUND_ALLOW": sandbox.host_and_port}
    storm(product(web=2, workers=WORKERS, database="postgres", redis_url=redis_url, env=allowed), sandbox)
