"""The queue is a hint: without it people are served all the same, and the sweep does the work."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support.inside import Inside, command, in_product
from tests.support.journeys import Stage, Visitor, bot_token, set_the_stage
from tests.support.processes import free_port
from tests.support.product import Factory, Product
from tests.support.sandbox_server import Sandbox


@dataclass(frozen=True)
class Scene:
    """A web process whose Redis is not there, and Alice in it."""

    product: Product
    python: Callable[[str], str]
    stage: Stage
    alice: Visitor

    def sweep(self) -> None:
        self.python(command("sweep", "--json"))


@pytest.fixture(scope="module")
def without_a_queue(product_factory: Factory, sandbox: Sandbox) -> Iterator[Scene]:
    dead = f"redis://127.0.0.1:{free_port()}/0"
    product = product_factory(web=1, workers=0, redis_url=dead, env={"OUTBOUND_ALLOW": sandbox.host_and_port})
    with in_product(product) as python:
        stage = set_the_stage(product, python)
        yield Scene(product, python, stage, Visitor(product.url, stage).sign_in())
    product_factory.retire(product)


def test_promise_17_authorizing_works_without_a_queue_and_the_sweep_exchanges(
    without_a_queue: Scene, sandbox: Sandbox
) -> None:
    alice = without_a_queue.alice
    added = alice.add(sandbox)
    progress = alice.come_back(sandbox.consent(added.go_to))
    page = alice.get(progress)
    assert page.status_code == 200
    assert "The access token is being fetched." in page.text
    assert "The queue is not reachable" in without_a_queue.product.logs()
    assert "Traceback" not in without_a_queue.product.logs()

    inside = Inside(without_a_queue.product)
    assert inside.status(added.credential_id) == ("authorizing", "")
    without_a_queue.sweep()
    alice.wait_for_success(progress, seconds=5)
    assert inside.status(added.credential_id) == ("active", "")
    assert sandbox.stats(added.application.client_id).token_requests == {"authorization_code": 1}

    # A bot needs no queue either: it renews by itself.
    inside.end_token(added.credential_id)
    assert bot_token(without_a_queue.product.url, without_a_queue.stage, added.credential_id).status_code == 200
    assert inside.generation(added.credential_id) == 2


def test_promise_17_client_credentials_are_authorized_without_a_queue(without_a_queue: Scene, sandbox: Sandbox) -> None:
    alice = without_a_queue.alice
    added = alice.add(sandbox, grant="client_credentials")
    without_a_queue.sweep()
    alice.wait_for_success(added.go_to, seconds=5)
    assert sandbox.stats(added.application.client_id).token_requests == {"client_credentials": 1}
