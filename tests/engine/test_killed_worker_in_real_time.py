"""Kill -9 of a worker, with the real lease and the real sweep: what the tests beside this one do not wait for."""

import time
from collections.abc import Callable

import pytest

from tests.engine.test_killed_worker import scene_in
from tests.support.inside import wake
from tests.support.processes import wait_until
from tests.support.product import Product
from tests.support.sandbox_server import Sandbox


@pytest.mark.postgres
@pytest.mark.redis
def test_promise_16_with_the_real_lease_and_the_real_sweep_it_is_recovered_within_two_minutes(
    product: Callable[..., Product], sandbox: Sandbox, redis_url: str
) -> None:
    allowed = {"OUTBOUND_ALLOW": sandbox.host_and_port}
    running = product(web=1, workers=0, database="postgres", redis_url=redis_url, env=allowed)
    with scene_in(running, sandbox) as scene:
        added = scene.with_a_code()
        scene.sweep()
        scene.token_ends(added)
        wake(scene.product, "refresh_token", added.credential_id)
        scene.worker_dies("after the answer was stored")
        died = time.monotonic()
        scene.product.add_worker(1)
        scene.product.add_beat()
        wait_until(
            lambda: scene.inside.generation(added.credential_id) == 2,
            seconds=120 - (time.monotonic() - died),
            what="the recovery",
        )
        # Not before the lease had ended: until then the worker might have been slow and not dead.
        assert time.monotonic() - died > 40
        assert scene.calls(added)["refresh_token"] == 1
        assert scene.works(added)
