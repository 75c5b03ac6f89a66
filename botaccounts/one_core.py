"""Keep a process whose threads take turns on one core: the one that others use least.

The threads of one interpreter run one at a time. Spread over several cores, each turn wakes another core up, which
finds the caches of the last one cold: on one, a worker renews more tokens a second, and a web process hands more of
them out (`docs/performance.md`). Where others need the core, the process moves. What computes for long without the
interpreter's lock does so elsewhere (`anywhere`). Linux only (sched_setaffinity(2), proc_stat(5)); elsewhere nothing
happens.
"""

import contextlib
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.core.signals import request_started

logger = logging.getLogger(__name__)

# Seconds between two looks. By chance, so that two processes that share a core do not move to the same other one.
LOOK_EVERY = (5.0, 15.0)
# A core has to be that much freer, as a share of the time: every move costs the caches.
WORTH_A_MOVE = 0.2
_dice = random.SystemRandom()
# Where this process stays, and where it may be; nothing as long as it has not settled.
_home: set[int] = set()
_allowed: set[int] = set()
_elsewhere = 0.0  # seconds of processor time that its threads spent away from home


@dataclass(frozen=True)
class Reading:
    """Seconds since the machine started. `busy`: of each core. `own`: what this process used at home."""

    at: float
    busy: Mapping[int, float]
    own: float


def settle_at_first_request() -> None:
    """A server may load the application in a process that only forks those which answer."""
    request_started.connect(_settle_once, weak=False)


def _settle_once(**_: object) -> None:
    if request_started.disconnect(_settle_once):
        settle()


def settle() -> bool:
    """Move this process to one core, and let a thread see to its staying a good one. False where there is no choice."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(cores) < 2:
        return False
    try:
        before, settled = read(cores), inhabitants()
        # By chance among equals: processes that start at the same moment do not see each other yet.
        home = min(cores, key=lambda core: (settled[core], _dice.random()))
        move({home})
    except (OSError, ValueError) as refusal:  # a sandbox may forbid either, or tell something else
        logger.info("The process stays on all cores: %s", refusal)
        return False
    _allowed.update(cores)
    threading.Thread(target=_stay, args=(cores, home, before), name="one core", daemon=True).start()
    return True


def _stay(cores: list[int], home: int, before: Reading) -> None:
    try:
        while True:
            time.sleep(_dice.uniform(*LOOK_EVERY))
            after = read(cores)
            better = freest(home, before, after)
            if better != home:
                move({better})
            else:
                os.sched_setaffinity(0, {home})  # raises OSError where it may not be used any more
            home, before = better, after
    except (OSError, ValueError) as refusal:
        # Nobody would move it any more.
        logger.warning("The process goes back to all cores: %s", refusal)
        with contextlib.suppress(OSError):
            move(set(cores))


@contextlib.contextmanager
def anywhere() -> Iterator[None]:
    """Let this thread compute on any core; it does not hold the interpreter's lock, and others would wait for it."""
    global _elsewhere
    if not _allowed:
        yield
        return
    begun = time.thread_time()
    _stay_on(_allowed)
    try:
        yield
    finally:
        _stay_on(_home)
        _elsewhere += time.thread_time() - begun


def _stay_on(cores: set[int]) -> None:
    """This thread. Where none of them may be used any more, it is left where the system has put it."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cores)


def inhabitants() -> Counter[int]:
    """How many processes stay on each core alone, of those that this one can look at."""
    processes = (int(each.name) for each in Path("/proc").glob("[0-9]*"))
    return Counter(core for core in map(core_of, processes) if core is not None)


def core_of(process: int) -> int | None:
    """The one on which it stays; None also where it has ended, or is the kernel's or somebody else's."""
    try:
        Path(f"/proc/{process}/exe").readlink()
        cores = os.sched_getaffinity(process)
    except OSError:
        return None
    return min(cores) if len(cores) == 1 else None


def freest(home: int, before: Reading, after: Reading) -> int:
    """The core that others used least between the two, or `home` where moving there is not worth it."""
    passed = after.at - before.at
    if passed <= 0:
        return home
    others = {core: busy - before.busy[core] for core, busy in after.busy.items()}
    others[home] -= after.own - before.own
    best = min(others, key=lambda core: others[core])
    return best if others[home] - others[best] > WORTH_A_MOVE * passed else home


def read(cores: list[int]) -> Reading:
    """What the cores and this process have done. Raises OSError, and ValueError where not every core is told of."""
    ticks = os.sysconf("SC_CLK_TCK")
    wanted = {f"cpu{core}": core for core in cores}
    busy = {}
    for name, *spent in (line.split() for line in Path("/proc/stat").read_text().splitlines()):
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(each) for each in spent[:8])
            busy[wanted[name]] = (user + nice + system + irq + softirq + steal) / ticks
    if len(busy) < len(cores):
        raise ValueError("the system tells of other cores than this process may use")
    return Reading(time.monotonic(), busy, time.process_time() - _elsewhere)


def move(cores: set[int]) -> None:
    """Every thread there is; those that are started later follow the one that starts them. Raises OSError."""
    global _home
    _home = cores
    for thread in threads():
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread, cores)


def threads() -> Iterator[int]:
    """Of this process, in the order in which they were started."""
    return iter(sorted(int(each.name) for each in Path("/proc/self/task").iterdir()))
