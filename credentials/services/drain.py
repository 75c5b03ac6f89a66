"""Renew what is due, until nothing is: the threads of a worker take from one plan, and claim in batches.

One message wakes one thread, and that one the others of its process, as many as there is work for. One statement
claims for the threads that wait for something to do and for those that will in a moment, and one writes their attempts.
What is claimed is sent within that moment, or put back: a lease is not spent on waiting.
"""

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from math import ceil
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from credentials.models import OAuthToken, TokenAttempt
from credentials.models.leased import Attempt
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import RawAnswer, Transport
from credentials.services import claims, endpoints, journal, lease
from credentials.services.claims import Claimed
from credentials.services.due import Due
from credentials.services.patience import insist
from credentials.services.plan import LOOK_AGAIN, Plan
from credentials.services.refresh import CredentialRenewal, Outcome, refresh
from credentials.services.together import Together
from organizations.audit import Actor

logger = logging.getLogger(__name__)

# A worker is woken again by the next sweep.
SHIFT = 25.0  # seconds
# How long a thread waits for room at a provider before it makes itself free for other tasks.
LINGER = 1.0  # seconds
# Claims for each thread that wait until one is free, at the most, and for how long they are to last.
AHEAD = 2
LASTS = 0.25  # seconds
# Beyond this a host has become slow: a claim that waits would soon be taken for a request that hangs.
WAITS = endpoints.SLOW.total_seconds() / 2

# Has a function run by another thread of this process, as soon as one is free.
Lend = Callable[[Callable[[], object]], object]


class _InPassing(CredentialRenewal):
    """A renewal whose thread does not wait for the swap. `leave` is told, once the host has answered, in how long."""

    def __init__(self, token: OAuthToken, actor: Actor, leave: Callable[[float], None]) -> None:
        super().__init__(token, actor)
        self._leave = leave

    def request(self, transport: Transport) -> RawAnswer:
        began = time.monotonic()
        raw = super().request(transport)
        if raw.status < HTTPStatus.BAD_REQUEST:  # else the breaker has a say first
            self._leave(time.monotonic() - began)
        return raw

    def apply(self, attempt: Attempt, tokens: TokenSet, claimed: lease.Lease) -> bool:
        journal.apply_in_passing(cast(TokenAttempt, attempt), tokens, actor=self.actor, lease=claimed)
        return True


def _has_waited(claimed: Claimed) -> bool:
    return time.monotonic() - claimed.made > WAITS


class Workshop:
    """The threads of this process that renew tokens. `threads`: as many as the worker has.

    `lend`: how one that was woken gets the others; without it a message is needed for each.
    """

    def __init__(self, threads: int, lend: Lend | None = None) -> None:
        # Some are kept for people who wait for an authorization.
        self.at_once = max(1, threads - max(1, threads // 10))
        self.plan = Plan()
        self._places = threading.BoundedSemaphore(self.at_once)
        self._lock = threading.Lock()
        # Tokens that a thread asks for, by host.
        self._asked: defaultdict[str, set[UUID]] = defaultdict(set)
        self._room = threading.Condition(self._lock)
        self._ahead: deque[Claimed] = deque()
        self._claiming = threading.Lock()
        # What a request takes, in seconds, of late.
        self._takes = LASTS
        self._working = 0
        self._called = 0
        self._lend = lend
        # However quick a host was before, some threads are left when it hangs all of a sudden.
        self._of_host = max(1, self.at_once * 5 // 6)
        self._threads = claims.Threads(
            of_host=self._of_host + AHEAD * self.at_once,
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
            if left:
                while (found := self._claimed_ahead()) is not None:
                    self._renew(found, actor)
                self._put_back(_has_waited)

    def _call_others(self, actor: Actor) -> None:
        """One thread for each claim that one could begin with now. Where there is no room, nobody waits for it."""
        if self._lend is None:
            return
        with self._lock:
            waiting = Counter(each.endpoint.host for each in self._ahead)
            startable = sum(min(count, self._of_host - len(self._asked[host])) for host, count in waiting.items())
            missing = min(self.at_once - self._working, startable) - self._called
            self._called += max(0, missing)
        for _ in range(missing):
            try:
                self._lend(lambda: self._help(actor))
            except RuntimeError:  # the worker is being ended, and takes nothing new
                self._lend = None
                return

    def _help(self, actor: Actor) -> None:
        with self._lock:
            self._called -= 1
        try:
            self.work(actor=actor)
        except Exception:
            logger.exception("Renewing what is due was broken off.")
        finally:
            close_old_connections()

    def _put_back(self, chosen: Callable[[Claimed], bool]) -> None:
        """What was claimed ahead and is not tried waits for its turn again."""
        with self._lock:
            unsent = [each for each in self._ahead if chosen(each)]
            for each in unsent:
                self._ahead.remove(each)
        try:
            insist(lambda: claims.put_back(unsent), until=time.monotonic() + lease.RELEASE_SECONDS)
        finally:
            for each in unsent:
                self._threads.give_back(each.endpoint.host, each.token.organization_id, careful=each.careful)

    def _claimed_ahead(self) -> Claimed | None:
        """The first of a host that has not enough threads of this process already."""
        with self._lock:
            for each in self._ahead:
                if not _has_waited(each) and len(self._asked[each.endpoint.host]) < self._of_host:
                    self._ahead.remove(each)
                    self._asked[each.endpoint.host].add(each.token.pk)
                    return each
        return None

    def _work(self, actor: Actor, until: float) -> int:
        count, patience = 0, time.monotonic() + LINGER
        found: Claimed | Due | bool | None
        while True:
            self._put_back(_has_waited)
            if time.monotonic() >= until:
                found = self._claimed_ahead()
            else:
                self._look_ahead()
                found = self._claimed_ahead() or self._next(None)
                self._call_others(actor)
            if found is None:
                break
            if isinstance(found, bool):
                if time.monotonic() > patience:
                    self._put_back(lambda each: len(self._asked[each.endpoint.host]) >= self._of_host)
                    break
                with self._room:
                    self._room.wait(LOOK_AGAIN)
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
        if not 0 < len(self._ahead) <= self._ahead_at_most() // 2 or not self._claiming.acquire(blocking=False):
            return
        try:
            self._claim(0)
        finally:
            self._claiming.release()

    def _ahead_at_most(self) -> int:
        """What the threads begin in a moment. At a provider that takes its time that is little."""
        return ceil(self._working * min(AHEAD, LASTS / self._takes))

    def _hand_out(self, count: int) -> list[Claimed]:
        claimed = (self._claimed_ahead() for _ in range(count))
        return [each for each in claimed if each is not None]

    def _keep_for_later(self, claimed: Sequence[Claimed]) -> None:
        with self._lock:
            self._ahead.extendleft(reversed(claimed))
            for each in claimed:
                self._asked[each.endpoint.host].discard(each.token.pk)

    def _leave(self, claimed: Claimed) -> None:
        """Its host has answered, or was not asked: another thread may begin there."""
        with self._room:
            asked = self._asked[claimed.endpoint.host]
            if claimed.token.pk in asked:
                asked.remove(claimed.token.pk)
                if self._ahead:
                    self._room.notify()

    def _answered(self, claimed: Claimed, seconds: float, actor: Actor) -> None:
        self._leave(claimed)
        self._takes += (seconds - self._takes) / 10
        self._call_others(actor)

    def _claim(self, wanted: int) -> tuple[list[Due], bool]:
        """Claim for `wanted` threads and some ahead. What has to go alone, and whether anything is due."""
        with self._lock:
            ahead = max(0, self._ahead_at_most() - len(self._ahead))
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
            renewal = _InPassing(found.token, actor, lambda seconds: self._answered(found, seconds, actor))
            renewal.endpoint = found.endpoint
            if renewal.carry_on(found.lease, wanted=True, attempt=found.attempt) is Outcome.WAIT:
                # It has just failed: the others there are not tried now.
                self._put_back(lambda each: each.endpoint.host == found.endpoint.host)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Renewing the token %s failed.", token_id)
            self.plan.set_aside(token_id)
        finally:
            if isinstance(found, Claimed):
                host, organization_id = found.endpoint.host, found.token.organization_id
                self._threads.give_back(host, organization_id, careful=found.careful)
                self._leave(found)


_workshop = Workshop(settings.CELERY_WORKER_CONCURRENCY)


def set_threads(threads: int, lend: Lend | None = None) -> None:
    """How many threads the worker of this process really has, and how one gets the others."""
    global _workshop
    _workshop = Workshop(threads, lend)


def work(*, actor: Actor) -> int:
    """Renew what is due, in this thread, beside the others of this process."""
    return _workshop.work(actor=actor)
