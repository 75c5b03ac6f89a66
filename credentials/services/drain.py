"""Renew what is due, until nothing is: the threads of a worker take from one plan, and claim in batches.

One statement claims for the threads that wait for something to do and for those that will in a moment, and one writes
their attempts. What is claimed is sent within that moment: a lease is not spent on waiting.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from credentials.services import claims
from credentials.services.claims import Claimed
from credentials.services.due import Due, due
from credentials.services.refresh import CredentialRenewal, refresh
from credentials.services.together import Together
from organizations.audit import Actor

logger = logging.getLogger(__name__)

PLAN = 1000  # tokens
PORTION = 100
PLAN_LIVES = 2.0  # seconds; other workers take from the same rows
# A worker is woken again by the next sweep.
SHIFT = 25.0  # seconds
# How long a thread waits for room at a provider before it makes itself free for other tasks, and how often it looks.
LINGER, LOOK_AGAIN = 1.0, 0.05  # seconds
SET_ASIDE = 300.0  # seconds
# Of the threads of a process, how many find something claimed for them already.
AHEAD = 3
_dice = random.SystemRandom()


class Plan:
    """What is due, as this process last read it. Stale rows do no harm: claiming them fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: deque[Due] = deque()
        self._read = float("-inf")
        self._aside: dict[UUID, float] = {}

    def take(self, count: int) -> list[Due]:
        with self._lock:
            now = time.monotonic()
            if now - self._read > PLAN_LIVES or (not self._rows and now - self._read > LOOK_AGAIN):
                self._aside = {each: until for each, until in self._aside.items() if until > now}
                self._rows = deque(self._shuffled([each for each in due(PLAN) if each.token_id not in self._aside]))
                self._read = time.monotonic()
            return [self._rows.popleft() for _ in range(min(count, len(self._rows)))]

    @staticmethod
    def _shuffled(rows: list[Due]) -> list[Due]:
        """In portions, so that the order stays fair and several workers seldom claim the same."""
        portions = [rows[start : start + PORTION] for start in range(0, len(rows), PORTION)]
        return [row for portion in portions for row in _dice.sample(portion, len(portion))]

    def give_back(self, rows: Sequence[Due]) -> None:
        """What there was no room for keeps its place."""
        with self._lock:
            self._rows.extendleft(reversed(rows))

    def set_aside(self, token_id: UUID) -> None:
        """Something is wrong with this one: the others must not wait behind it."""
        with self._lock:
            self._aside[token_id] = time.monotonic() + SET_ASIDE

    def forget(self) -> None:
        with self._lock:
            self._rows.clear()
            self._read = float("-inf")


class Workshop:
    """The threads of this process that renew tokens. `threads`: as many as the worker has."""

    def __init__(self, threads: int) -> None:
        # Some are kept for people who wait for an authorization.
        self.at_once = max(1, threads - max(1, threads // 10))
        self.plan = Plan()
        self._places = threading.BoundedSemaphore(self.at_once)
        self._lock = threading.Lock()
        self._careful_lock = threading.Lock()
        self._ahead: deque[Claimed] = deque()
        self._working = 0
        self._careful = claims.Threads(in_all=max(1, self.at_once * 3 // 4), of_one=max(1, self.at_once * 3 // 8))
        self._next: Together[None, Claimed | Due | None | bool] = Together(self._take)

    def work(self, *, actor: Actor, seconds: float = SHIFT) -> int:
        """Renew until nothing is due or the shift is over; how many were asked for. 0 where enough threads are at it."""
        if not self._places.acquire(blocking=False):
            return 0
        try:
            with self._lock:
                self._working += 1
            return self._work(actor, time.monotonic() + seconds)
        finally:
            with self._lock:
                self._working -= 1
                left = self._working == 0
            self._places.release()
            while left and (found := self._claimed_ahead()) is not None:
                self._renew(found, actor)

    def _claimed_ahead(self) -> Claimed | None:
        with self._lock:
            return self._ahead.popleft() if self._ahead else None

    def _work(self, actor: Actor, until: float) -> int:
        count, patience = 0, time.monotonic() + LINGER
        while time.monotonic() < until:
            found = self._claimed_ahead() or self._next(None)
            if found is None:
                break
            if isinstance(found, bool):
                if time.monotonic() > patience:
                    break
                time.sleep(LOOK_AGAIN)
                continue
            count, patience = count + 1, time.monotonic() + LINGER
            self._renew(found, actor)
        return count

    def _take(self, asks: Sequence[None]) -> list[Claimed | Due | None | bool]:
        """Something to do for each thread that asks: None where nothing is due, False where there is no room for it."""
        with self._lock:
            found: list[Claimed | Due | None | bool] = [
                self._ahead.popleft() for _ in range(min(len(asks), len(self._ahead)))
            ]
            ahead = max(0, self._working // AHEAD - len(self._ahead))
        wanted = len(asks) - len(found)
        if not wanted:
            return found
        return found + self._claim(wanted, ahead)

    def _claim(self, wanted: int, ahead: int) -> list[Claimed | Due | None | bool]:
        rows = self.plan.take(4 * (wanted + ahead))
        found: list[Claimed | Due | None | bool] = [row for row in rows if row.endpoint_id is None][:wanted]
        singles = {row.token_id for row in found if isinstance(row, Due)}
        rows = [row for row in rows if row.token_id not in singles]
        later: list[Due] = [row for row in rows if row.endpoint_id is None]
        if known := [row for row in rows if row.endpoint_id is not None]:
            with self._careful_lock:
                claimed, no_room = claims.claim(known, wanted + ahead - len(found), self._careful)
            at_once = wanted - len(found)
            found += claimed[:at_once]
            later += no_room
            with self._lock:
                self._ahead.extend(claimed[at_once:])
        self.plan.give_back(later)
        return [*found, *[False if rows else None] * (wanted - len(found))]

    def _renew(self, found: Claimed | Due, actor: Actor) -> None:
        token_id = found.token_id if isinstance(found, Due) else found.token.pk
        try:
            if isinstance(found, Due):
                refresh(token_id, actor=actor)
                return
            renewal = CredentialRenewal(found.token, actor)
            renewal.endpoint = found.endpoint
            renewal.carry_on(found.lease, wanted=True, attempt=found.attempt)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Renewing the token %s failed.", token_id)
            self.plan.set_aside(token_id)
        finally:
            if isinstance(found, Claimed) and found.careful:
                with self._careful_lock:
                    self._careful.give_back(found.token.organization_id)


_workshop = Workshop(settings.CELERY_WORKER_CONCURRENCY)


def set_threads(threads: int) -> None:
    """How many threads the worker of this process really has."""
    global _workshop
    _workshop = Workshop(threads)


def work(*, actor: Actor) -> int:
    """Renew what is due, in this thread, beside the others of this process."""
    return _workshop.work(actor=actor)
