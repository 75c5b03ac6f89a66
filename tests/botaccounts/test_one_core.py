"""The threads of a process take turns on one core, and leave it to those who need it more."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from botaccounts import one_core
from botaccounts.one_core import Reading, freest
from tests.bench.memory import family
from tests.support.processes import ROOT, wait_until
from tests.support.product import Product

EVERYWHERE = frozenset(os.sched_getaffinity(0))
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
    assert cores_of(left) == {EVERYWHERE}


@pytest.mark.parametrize(("said", "settles"), [("", True), ("off", False)])
def test_a_web_process_settles_once_it_is_asked_something_unless_it_is_told_not_to(
    product: Callable[..., Product], said: str, settles: bool
) -> None:
    running = product(web=1, workers=0, env={"WEB_ON_ONE_CORE": said} if said else {})
    assert requests.get(f"{running.url}/health/live", timeout=20).ok
    cores = [cores_of(each) for each in family(running.processes["web.1"].pid)]
    away = [each for each in cores if each != {EVERYWHERE}]
    # Granian's own process answers nobody, and stays where it is.
    assert [len(each) for each in away] == ([1] if settles and len(EVERYWHERE) > 1 else [])
    assert all(len(min(each)) == 1 for each in away)


_SHARED = """
import os
from concurrent.futures import ThreadPoolExecutor
from botaccounts import one_core

bots = ThreadPoolExecutor(1)

def here():
    return sorted(os.sched_getaffinity(0))

everywhere = here()
with one_core.anywhere():
    print(here() == everywhere)
one_core.settle()
home = here()
print(bots.submit(here).result() == home, len(home) == 1)
with one_core.anywhere():
    print(here() == everywhere, bots.submit(here).result() == home)
try:
    with one_core.anywhere():
        raise KeyError
except KeyError:
    print(here() == home)
"""


def test_who_computes_without_the_lock_goes_anywhere_meanwhile() -> None:
    assert in_a_process(_SHARED) == ["True"] * 6


_TAKEN_AWAY = """
import os
from botaccounts import one_core
one_core._home, one_core._allowed = {10**3}, {10**3}
everywhere = os.sched_getaffinity(0)
with one_core.anywhere():
    print(os.sched_getaffinity(0) == everywhere)
one_core.LOOK_EVERY = (0.0, 0.0)
same = one_core.read(sorted(everywhere))
one_core.freest = lambda *_: 10**3
one_core._stay(sorted(everywhere), 10**3, same)
print(one_core._home == everywhere)
"""


def test_a_core_that_may_not_be_used_any_more_is_given_up_and_stops_nobody() -> None:
    assert in_a_process(_TAKEN_AWAY) == ["True", "True"]


_AWAY_FOR_LONG = """
import os, time
from botaccounts import one_core
cores = sorted(os.sched_getaffinity(0))
one_core.settle()
with one_core.anywhere():
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        pass
print(time.process_time() - one_core.read(cores).own > 0.29)
"""


def test_what_is_computed_elsewhere_was_not_computed_at_home() -> None:
    assert in_a_process(_AWAY_FOR_LONG) == [str(len(EVERYWHERE) > 1)]


_HASHING = """
import os, hashlib
import django
django.setup()
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from botaccounts import one_core
everywhere = os.sched_getaffinity(0)
one_core.settle()
where, pbkdf2 = [], hashlib.pbkdf2_hmac

def noting(*args, **kwargs):
    where.append(os.sched_getaffinity(0) == everywhere)
    return pbkdf2(*args, **kwargs)

hashlib.pbkdf2_hmac = noting
kept = make_password("correct horse battery staple")
print(check_password("correct horse battery staple", kept), check_password("wrong", kept))
print(kept.startswith("pbkdf2_sha256$"), identify_hasher(kept).must_update(kept), all(where), len(where))
"""


def test_a_password_is_hashed_in_nobodys_way_and_as_django_does_it() -> None:
    assert in_a_process(_HASHING) == ["True", "False", "True", "False", "True", "3"]


_CROWDED = """
import os
from collections import Counter
from botaccounts import one_core

first, *others = sorted(os.sched_getaffinity(0))
one_core.inhabitants = lambda: Counter({first: 1} | {core: 2 for core in others})
one_core.settle()
print(os.sched_getaffinity(0) == {first})
"""


def test_it_settles_where_the_fewest_have() -> None:
    assert in_a_process(_CROWDED) == ["True"]


def test_those_that_stay_on_one_core_are_seen_and_others_are_not() -> None:
    core = max(EVERYWHERE)
    settled = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", settled], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as neighbour:
        assert neighbour.stdout
        assert neighbour.stdout.readline()
        assert one_core.core_of(neighbour.pid) == core
        assert one_core.inhabitants()[core] >= 1
    assert one_core.core_of(neighbour.pid) is None  # it has ended
    assert (one_core.core_of(os.getpid()) is None) == (len(EVERYWHERE) > 1)


def test_where_it_cannot_look_any_more_it_goes_back_to_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[set[int]] = []
    monkeypatch.setattr(one_core, "LOOK_EVERY", (0.0, 0.0))
    monkeypatch.setattr(one_core, "move", moves.append)
    cores = [0, 10**6]  # of the second one nothing is told
    one_core._stay(cores, 0, BEFORE)
    assert moves == [{0, 10**6}]


def test_a_process_with_one_core_has_nothing_to_choose() -> None:
    words = "import os; from botaccounts import one_core; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    assert in_a_process(f"{words}; print(one_core.settle(), len(list(one_core.threads())))") == ["False", "1"]


def in_a_process(script: str) -> list[str]:
    """The words that it prints."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "botaccounts.settings"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(ROOT), env=env, check=True, timeout=60)
    return done.stdout.split()
