"""Renew what is due, until nothing is: the threads of a worker take from one plan, and claim in batches.

One statement claims for the threads that wait for something to do and for those that will in a moment, and one writes
their attempts. What is claimed is sent within that moment: a lease is not spent on waiting.
"""

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from credentials.models import TokenAttempt
from credentials.models.leased import Attempt
from credentials.oauth.answer import TokenSet
from credentials.services import claims, journal, lease
from credentials.services.claims import Claimed
from credentials.services.due import Due, due
from credentials.services.refresh import CredentialRenewal, Outcome, refresh
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
FULL = 0.1  # seconds: for how long a host is passed over at which there was no room
_dice = random.SystemRandom()


class Plan:
    """What is due, as this process last read it. Stale rows do no harm: claiming them fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Due] = []
        self._read = float("-inf")
        self._full: dict[str, float] = {}
        self._aside: dict[UUID, float] = {}

    def take(self, count: int) -> list[Due]:
        """The next rows, except those of hosts that had no room a moment ago: nobody waits behind them."""
        with self._lock:
            now = time.monotonic()
            age = now - self._read
            if age > PLAN_LIVES or (
                age > LOOK_AGAIN and not any(self._full.get(row.host, 0) < now for row in self._rows)
            ):
                self._read_again(now)
            taken: list[Due] = []
            rest: list[Due] = []
            for row in self._rows:
                wanted = len(taken) < count and self._full.get(row.host, 0) < now
                (taken if wanted else rest).append(row)
            self._rows = rest
            return taken

    def is_empty(self) -> bool:
        with self._lock:
            return not self._rows

    def _read_again(self, now: float) -> None:
        self._aside = {each: until for each, until in self._aside.items() if until > now}
        self._full = {host: until for host, until in self._full.items() if until > now}
        self._rows = self._shuffled([each for each in due(PLAN) if each.token_id not in self._aside])
        self._read = time.monotonic()

    @staticmethod
    def _shuffled(rows: list[Due]) -> list[Due]:
        """In portions, so that the order stays fair and several workers seldom claim the same."""
        portions = [rows[start : start + PORTION] for start in range(0, len(rows), PORTION)]
        return [row for portion in portions for row in _dice.sample(portion, len(portion))]

    def give_back(self, rows: Sequence[Due], *, full: bool) -> None:
        """They keep their place. `full`: there was no room at their hosts."""
        with self._lock:
            self._rows[:0] = rows
            if full:
                self._full |= dict.fromkeys((row.host for row in rows), time.monotonic() + FULL)

    def set_aside(self, token_id: UUID) -> None:
        """Something is wrong with this one: the others must not wait behind it."""
        with self._lock:
            self._aside[token_id] = time.monotonic() + SET_ASIDE

    def forget(self) -> None:
        with self._lock:
            self._rows = []
            self._read = float("-inf")


class _InPassing(CredentialRenewal):
    """A renewal whose thread does not wait for the swap: there is more to ask for."""

    def apply(self, attempt: Attempt, tokens: TokenSet, claimed: lease.Lease) -> bool:
        journal.apply_in_passing(cast(TokenAttempt, attempt), tokens, actor=self.actor, lease=claimed)
        return True


class Workshop:
    """The threads of this process that renew tokens. `threads`: as many as the worker has."""

    def __init__(self, threads: int) -> None:
        # Some are kept for people who wait for an authorization.
        self.at_once = max(1, threads - max(1, threads // 10))
        self.plan = Plan()
        self._places = threading.BoundedSemaphore(self.at_once)
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._ahead: deque[Claimed] = deque()
        self._claiming = threading.Lock()
        self._working = 0
        # However quick a host was before, some threads are left when it hangs all of a sudden.
        self._of_host = max(1, self.at_once * 5 // 6)
        self._threads = claims.Threads(
            of_host=self._of_host + self.at_once,
            careful=max(1, self.at_once * 3 // 4),
            of_organization=max(1, self.at_once * 3 // 8),
        )
        self._next: Together[None, Claimed | Due | bool | None] = Together(self._take)

    def work(self, *, actor: Actor, seconds: float = SHIFT) -> int:
        """Renew until nothing is due or the shift is over; how many. 0 where enough threads are at it."""
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

    def _spare(self, host: str) -> None:
        """It has just failed: what was claimed ahead there is not tried, and waits for its turn again."""
        with self._lock:
            spared = [each for each in self._ahead if each.endpoint.host == host]
            for each in spared:
                self._ahead.remove(each)
        try:
            claims.put_back(spared)
        finally:
            for each in spared:
                self._threads.give_back(host, each.token.organization_id, careful=each.careful)

    def _claimed_ahead(self) -> Claimed | None:
        """The first of a host that has not enough threads of this process already."""
        with self._lock:
            for each in self._ahead:
                if self._busy[each.endpoint.host] < self._of_host:
                    self._ahead.remove(each)
                    self._busy[each.endpoint.host] += 1
                    return each
        return None

    def _work(self, actor: Actor, until: float) -> int:
        count, patience = 0, time.monotonic() + LINGER
        found: Claimed | Due | bool | None
        while True:
            if time.monotonic() >= until:
                found = self._claimed_ahead()
            else:
                self._look_ahead()
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

    def _take(self, asks: Sequence[None]) -> list[Claimed | Due | bool | None]:
        """Something to do for each thread that asks: None where nothing is due, False where there is no room for it."""
        with self._claiming:
            # Somebody may have looked ahead meanwhile.
            claimed, singles, is_anything_due = self._hand_out(len(asks)), list[Due](), True
            if len(claimed) < len(asks):
                try:
                    singles, is_anything_due = self._claim(len(asks) - len(claimed))
                except BaseException:
                    self._keep_for_later(claimed)
                    raise
                claimed += self._hand_out(len(asks) - len(claimed) - len(singles))
        nothing = len(asks) - len(claimed) - len(singles)
        return [*claimed, *singles, *[False if is_anything_due else None] * nothing]

    def _look_ahead(self) -> None:
        """Claim for the threads that will ask in a moment, while there is something left for those who ask now."""
        if not 0 < len(self._ahead) <= self._working // 2 or not self._claiming.acquire(blocking=False):
            return
        try:
            self._claim(0)
        finally:
            self._claiming.release()

    def _hand_out(self, count: int) -> list[Claimed]:
        claimed = (self._claimed_ahead() for _ in range(count))
        return [each for each in claimed if each is not None]

    def _keep_for_later(self, claimed: Sequence[Claimed]) -> None:
        with self._lock:
            self._ahead.extendleft(reversed(claimed))
            self._busy.subtract(each.endpoint.host for each in claimed)

    def _claim(self, wanted: int) -> tuple[list[Due], bool]:
        """Claim for `wanted` threads and some ahead. What has to go alone, and whether anything is due."""
        with self._lock:
            ahead = max(0, self._working - len(self._ahead))
        rows = self.plan.take(4 * (wanted + ahead))
        singles = [row for row in rows if row.endpoint_id is None]
        later = singles[wanted:]
        if known := [row for row in rows if row.endpoint_id is not None]:
            claimed, no_room = claims.claim(known, wanted + ahead - len(singles[:wanted]), self._threads)
            self.plan.give_back(no_room, full=len(claimed) < max(1, wanted))
            with self._lock:
                self._ahead.extend(claimed)
        self.plan.give_back(later, full=False)
        return singles[:wanted], bool(rows) or bool(self._ahead) or not self.plan.is_empty()

    def _renew(self, found: Claimed | Due, actor: Actor) -> None:
        token_id = found.token_id if isinstance(found, Due) else found.token.pk
        try:
            if isinstance(found, Due):
                refresh(token_id, actor=actor)
                return
            if found.attempt is None:
                # Something is left of it, or its address has changed: not a matter of one step.
                lease.release(found.lease)
                refresh(token_id, actor=actor)
                return
            renewal = _InPassing(found.token, actor)
            renewal.endpoint = found.endpoint
            if renewal.carry_on(found.lease, wanted=True, attempt=found.attempt) is Outcome.WAIT:
                self._spare(found.endpoint.host)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Renewing the token %s failed.", token_id)
            self.plan.set_aside(token_id)
        finally:
            if isinstance(found, Claimed):
                host, organization_id = found.endpoint.host, found.token.organization_id
                self._threads.give_back(host, organization_id, careful=found.careful)
                with self._lock:
                    self._busy[host] -= 1


_workshop = Workshop(settings.CELERY_WORKER_CONCURRENCY)


def set_threads(threads: int) -> None:
    """How many threads the worker of this process really has."""
    global _workshop
    _workshop = Workshop(threads)


def work(*, actor: Actor) -> int:
    """Renew what is due, in this thread, beside the others of this process."""
    return _workshop.work(actor=actor)
