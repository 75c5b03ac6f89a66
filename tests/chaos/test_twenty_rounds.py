"""Every fault once, against real processes. `make chaos` plays as many rounds as one likes."""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos import canaries, table
from tests.chaos.faults import FAULTS
from tests.chaos.rounds import Street, as_lines, play_all, schedule
from tests.support.databases import Postgres, Redis
from tests.support.product import Factory

ROUNDS, SEED, PAGES = 20, 2026, 40

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(600)]


@pytest.fixture
def street(product_factory: Factory, postgres: Postgres, redis_server: Redis) -> Iterator[Street]:
    """The run's servers, which stand again afterwards whatever happened."""
    with ExitStack() as stack:
        built = Street(stack, product_factory, postgres, redis_server)
        yield built
    for server in (postgres.server, redis_server.server):
        if not server.is_running:
            server.start()
    for house in built.houses.values():
        product_factory.retire(house.product)


def test_twenty_rounds_with_every_fault_lose_burn_and_leak_nothing(street: Street) -> None:
    dice = random.Random(SEED)  # noqa: S311 - the same rounds each time
    order = schedule(ROUNDS, dice)
    assert set(order) == set(FAULTS)
    ledgers = play_all(street, order, dice, as_lines)
    table.show(ledgers, (), SEED, to=sys.stderr)
    assert table.problems(ledgers) == []
    # What was looked for could have been found: bots were served, forms saved and tokens rotated in the midst of it.
    for house in street.houses.values():
        credentials = sum(len(home.credentials) for home in house.cast.homes)
        rounds = sum(kind.house == house.name for kind in order)
        assert house.resource.grants.refreshes >= credentials / 2 * rounds
    assert sum(ledger.served for ledger in ledgers) > 30 * ROUNDS
    assert sum(len(ledger.saved) for ledger in ledgers) > ROUNDS / 2
    for house in street.houses.values():
        assert canaries.sweep(house, street.alice[house.name], pages=PAGES) == []
