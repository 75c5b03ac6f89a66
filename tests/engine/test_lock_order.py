"""A person and a worker who change the same credential at the same moment wait for each other, one of them briefly."""

import json
from collections.abc import Callable

import pytest

from tests.support import preloaded
from tests.support.product import Product


@pytest.mark.postgres
def test_edit_delete_and_workers_take_their_locks_in_one_order(product: Callable[..., Product]) -> None:
    running = product(web=0, workers=0, database="postgres")
    done = preloaded.run(["-m", "tests.support.opposing"], running.env)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.strip().rpartition("\n")[2])
    assert len(outcomes) == 7
    assert {pair: said for pair, said in outcomes.items() if any(said)} == {}
