"""A worker's threads take turns on one core, and leave it to those who need it more."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from botaccounts import one_core
from botaccounts.one_core import Reading, freest
from tests.support.processes import ROOT, wait_until
from tests.support.product import Product

BEFORE = Reading(at=100.0, busy={0: 50.0, 1: 50.0, 2: 50.0}, own=20.0)


def after(*busy: float, own: float, seconds: float = 10.0) -> Reading:
    """`busy`: what each core did since."""
    done = {core: BEFORE.busy[core] + each for core, each in enumerate(busy)}
    return Reading(BEFORE.at + seconds, done, BEFORE.own + own)


@pytest.mark.parametrize(
    ("now", "where"),
    [
        pytest.param(after(9.0, 1.0, 1.0, own=9.0), 0, id="its own work is no reason to go"),
        pytest.param(after(9.0, 6.0, 3.0, own=1.0), 2, id="to the core that others use least"),
        pytest.param(after(9.0, 2.0, 1.5, own=6.0), 0, id="not for a little"),
        pytest.param(after(9.5, 0.0, 9.5, own=5.0), 1, id="from one like itself"),
        pytest.param(BEFORE, 0, id="not in no time"),
    ],
)
def test_it_moves_where_others_need_the_core(now: Reading, where: int) -> None:
    assert freest(0, BEFORE, now) == where


def cores_of(pid: int) -> set[frozenset[int]]:
    """On which cores each thread of a process may run."""
    return {frozenset(os.sched_getaffinity(int(each.name))) for each in Path(f"/proc/{pid}/task").iterdir()}


def test_a_worker_stays_on_one_core_unless_it_is_told_not_to(product: Callable[..., Product]) -> None:
    running = product(web=0, workers=1)
    running.add_worker(2, WORKER_ON_ONE_CORE="off")
    # A process of threads where nothing else is said: only such a one stays.
    assert "concurrency: 8 (thread)" in running.logs("worker.1")
    kept, left = (running.processes[name].pid for name in ("worker.1", "worker.2"))
    wait_until(lambda: len(cores_of(kept)) == 1 and len(min(cores_of(kept))) == 1, seconds=20, what="settling")
    assert cores_of(left) == {frozenset(os.sched_getaffinity(0))}


def test_where_it_cannot_look_any_more_it_goes_back_to_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[set[int]] = []
    monkeypatch.setattr(one_core, "LOOK_EVERY", (0.0, 0.0))
    monkeypatch.setattr(one_core, "move", moves.append)
    cores = [0, 10**6]  # of the second one nothing is told
    one_core._stay(cores, 0, BEFORE)
    assert moves == [{0, 10**6}]


def test_a_process_with_one_core_has_nothing_to_choose() -> None:
    words = "import os; from botaccounts import one_core; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    done = subprocess.run(
        [sys.executable, "-c", f"{words}; print(one_core.settle(), len(list(one_core.threads())))"],
        capture_output=True,
        text=True,
        cwd=Path(ROOT),
        check=True,
    )
    assert done.stdout.split() == ["False", "1"]
