"""Kill -9 of a real worker at each point of a token request, at a provider that rotates and punishes reuse.

All the deaths come first and the sweeps after them, so that the tests do not wait for each other's processes.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from tests.support.dying_worker import POINTS, PREPARE, RUN
from tests.support.errands import Errands
from tests.support.inside import Inside, command, in_product, wake
from tests.support.journeys import Added, Stage, Visitor, bot_token, set_the_stage
from tests.support.product import Factory, Product
from tests.support.sandbox_server import Sandbox

ANSWERED = ["after the answer was stored", "before the swap", "in the transaction of the swap"]
UNNOTED = "before the attempt is noted"
REFRESHES = [UNNOTED, "before the refresh is sent", "before the answer is stored", *ANSWERED, "after the swap"]
EXCHANGES = [UNNOTED, "before the code is sent", "before the answer is stored", *ANSWERED]
NEEDS_A_PERSON = ("needs_authorization", "invalid_grant")


class Scene:
    """A product without workers, and a person in it."""

    def __init__(self, product: Product, sandbox: Sandbox, python: Callable[[str], str]) -> None:
        self.product = product
        self.sandbox = sandbox
        self.python = python
        self.log = product.folder / "log" / "dying.log"
        self.workers = Errands(product.env, PREPARE, RUN, log=self.log)
        self.stage: Stage = set_the_stage(product, python)
        self.alice = Visitor(product.url, self.stage).sign_in()
        self.inside = Inside(product)

    def close(self) -> None:
        self.workers.close()

    def worker_dies(self, point: str) -> None:
        """A worker takes what waits in the queue and meets its end at `point` of it."""
        exit_code = int(self.workers.run(point))
        assert exit_code == -signal.SIGKILL, self.log.read_text()[-4000:]

    def sweep(self) -> None:
        self.python(command("sweep", "--json"))

    def calls(self, added: Added) -> dict[str, int]:
        """What reached the token endpoint, per grant type."""
        return dict(self.sandbox.stats(added.application.client_id).token_requests)

    def with_a_code(self) -> Added:
        """A credential whose code is here; the message that asks for its exchange lies in the queue."""
        added = self.alice.add(self.sandbox)
        self.alice.come_back(self.sandbox.consent(added.go_to))
        return added

    def token_ends(self, added: Added) -> None:
        assert self.inside.status(added.credential_id) == ("active", "")
        self.sandbox.expire(added.application.client_id)
        self.inside.end_token(added.credential_id)

    def works(self, added: Added) -> bool:
        """Whether a bot is handed a token of a grant that is alive."""
        answer = bot_token(self.product.url, self.stage, added.credential_id)
        return answer.status_code == 200 and self.sandbox.stats(added.application.client_id).live_grants == 1


@contextmanager
def scene_in(product: Product, sandbox: Sandbox) -> Iterator[Scene]:
    with in_product(product) as python, closing(Scene(product, sandbox, python)) as scene:
        yield scene


@dataclass
class Death:
    """What there was right after a worker's end, and what the sweeps made of it."""

    added: Added
    calls: dict[str, int]
    attempts: list[tuple[str, str]]
    leased: bool
    calls_at_last: dict[str, int] = field(default_factory=dict)


@dataclass
class Aftermath:
    scene: Scene
    refreshes: dict[str, Death]
    exchanges: dict[str, Death]
    one_after_another: Death


def death(scene: Scene, added: Added) -> Death:
    leased = scene.inside.is_leased(added.credential_id)
    return Death(added, scene.calls(added), scene.inside.attempts(added.credential_id), leased)


@pytest.fixture(scope="module")
def database() -> str:
    """`test_killed_worker_on_postgres.py` says another one, and runs the same tests."""
    return "sqlite"


@pytest.fixture(scope="module")
def aftermath(product_factory: Factory, sandbox: Sandbox, database: str) -> Iterator[Aftermath]:
    """Every death of this module, then three sweeps, each after the leases that were left have ended."""
    product = product_factory(web=1, workers=0, database=database, env={"OUTBOUND_ALLOW": sandbox.host_and_port})
    with scene_in(product, sandbox) as scene:
        authorized = [scene.with_a_code() for _ in (*REFRESHES, "one after another")]
        scene.sweep()
        for added in authorized:
            scene.token_ends(added)

        refreshes = {}
        for point, added in zip(REFRESHES, authorized, strict=False):
            wake(product, "refresh_token", added.credential_id)
            scene.worker_dies(point)
            refreshes[point] = death(scene, added)
            scene.inside.end_leases()  # the dead hold their places at the provider until then
        for _ in range(2):
            wake(product, "refresh_token", authorized[-1].credential_id)
            scene.worker_dies("before the answer is stored")
            one_after_another = death(scene, authorized[-1])
            scene.inside.end_leases()
        exchanges = {}
        for point in EXCHANGES:
            added = scene.with_a_code()
            scene.worker_dies(point)
            exchanges[point] = death(scene, added)

        for _ in range(3):
            scene.inside.end_leases()
            scene.sweep()
        for each in (*refreshes.values(), *exchanges.values(), one_after_another):
            each.calls_at_last = scene.calls(each.added)
        yield Aftermath(scene, refreshes, exchanges, one_after_another)
    product_factory.retire(product)


def test_promise_16_killed_with_the_lease_and_nothing_noted_the_refresh_is_sent_once_by_the_next(
    aftermath: Aftermath,
) -> None:
    left = aftermath.refreshes[UNNOTED]
    assert (left.leased, left.attempts) == (True, [("applied", "")])  # that of the exchange
    assert left.calls == {"authorization_code": 1}
    assert left.calls_at_last == {"authorization_code": 1, "refresh_token": 1}
    assert aftermath.scene.works(left.added)


def test_promise_16_killed_before_the_refresh_is_sent_it_is_sent_once_by_the_next(aftermath: Aftermath) -> None:
    left = aftermath.refreshes["before the refresh is sent"]
    assert (left.leased, left.attempts[-1]) == (True, ("started", ""))
    assert left.calls == {"authorization_code": 1}
    assert left.calls_at_last == {"authorization_code": 1, "refresh_token": 1}
    assert aftermath.scene.works(left.added)


def test_promise_16_killed_after_the_provider_rotated_it_is_tried_once_more_and_then_a_person_is_needed(
    aftermath: Aftermath,
) -> None:
    left = aftermath.refreshes["before the answer is stored"]
    assert (left.leased, left.attempts[-1]) == (True, ("started", ""))
    assert left.calls["refresh_token"] == 1
    assert left.calls_at_last["refresh_token"] == 2
    scene = aftermath.scene
    assert scene.inside.status(left.added.credential_id) == NEEDS_A_PERSON
    answer = bot_token(scene.product.url, scene.stage, left.added.credential_id)
    assert (answer.status_code, answer.json()["error"]) == (409, "needs_authorization")
    assert "invalid, expired or was revoked" in answer.json()["detail"]
    assert scene.calls(left.added)["refresh_token"] == 2


@pytest.mark.parametrize("point", ANSWERED)
def test_promise_16_killed_after_the_answer_was_stored_it_is_applied_without_a_person_or_a_call(
    aftermath: Aftermath, point: str
) -> None:
    left = aftermath.refreshes[point]
    assert (left.leased, left.attempts[-1]) == (True, ("answered", ""))
    assert left.calls["refresh_token"] == left.calls_at_last["refresh_token"] == 1
    assert aftermath.scene.inside.generation(left.added.credential_id) == 2
    assert aftermath.scene.works(left.added)


def test_killed_after_the_swap_there_is_nothing_left_to_do(aftermath: Aftermath) -> None:
    left = aftermath.refreshes["after the swap"]
    assert (left.leased, left.attempts[-1]) == (False, ("applied", ""))
    assert left.calls["refresh_token"] == left.calls_at_last["refresh_token"] == 1
    assert aftermath.scene.works(left.added)


def test_promise_16_workers_that_die_one_after_another_do_not_call_in_a_loop(aftermath: Aftermath) -> None:
    left = aftermath.one_after_another
    assert left.attempts[-2:] == [("failed", "interrupted"), ("started", "")]
    # It is tried again at the moment that was set for it, and not at every sweep.
    assert left.calls["refresh_token"] == left.calls_at_last["refresh_token"] == 2


def test_killed_with_the_claim_and_nothing_noted_the_code_is_sent_once_by_the_next(aftermath: Aftermath) -> None:
    left = aftermath.exchanges[UNNOTED]
    assert (left.calls, left.attempts) == ({}, [])
    assert left.calls_at_last == {"authorization_code": 1}
    assert aftermath.scene.works(left.added)


def test_killed_before_the_code_is_sent_it_is_sent_once_by_the_next(aftermath: Aftermath) -> None:
    left = aftermath.exchanges["before the code is sent"]
    assert left.calls == {}
    assert left.calls_at_last == {"authorization_code": 1}
    assert aftermath.scene.works(left.added)


def test_killed_after_the_code_was_redeemed_it_is_tried_once_more_and_then_a_person_is_needed(
    aftermath: Aftermath,
) -> None:
    left = aftermath.exchanges["before the answer is stored"]
    assert left.calls == {"authorization_code": 1}
    assert left.calls_at_last == {"authorization_code": 2}
    assert aftermath.scene.inside.status(left.added.credential_id) == NEEDS_A_PERSON


@pytest.mark.parametrize("point", ANSWERED)
def test_killed_after_the_first_token_was_stored_it_is_applied_without_a_person_or_a_call(
    aftermath: Aftermath, point: str
) -> None:
    left = aftermath.exchanges[point]
    assert left.attempts == [("answered", "")]
    assert left.calls == left.calls_at_last == {"authorization_code": 1}
    assert aftermath.scene.works(left.added)


def test_every_point_at_which_a_worker_can_die_was_tried() -> None:
    assert {*REFRESHES, *EXCHANGES} == set(POINTS)
