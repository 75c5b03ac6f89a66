"""Group commit: what several threads of a process write at the same time goes to the database in one transaction.

Whoever comes while nobody writes, writes, for everybody who has come meanwhile; the others wait for theirs, or leave it
and go on. A commit costs the same for one row and for twenty, so a busy worker makes few: what was left may wait for
more of it, for a moment. Nobody who waits does, and alone it is one call.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection

from organizations.turn import in_turn

logger = logging.getLogger(__name__)

I = TypeVar("I")  # noqa: E741 - what goes in
O = TypeVar("O")  # noqa: E741 - what comes out
AT_MOST = 50
# Where more was left while one wrote, still more is coming, and nobody waits for it.
GATHER = 0.05  # seconds

# What is told of an item whose thread has left: its result, or what went wrong.
Then = Callable[[O | None, Exception | None], None]


class _Place(Generic[I, O]):
    """One thread's item, and what came of it. `then`: the thread has left, and this is told of it."""

    def __init__(self, item: I, then: Then[O] | None = None) -> None:
        self.item, self.then = item, then
        self.turn = threading.Event()
        self.leads = False
        self.written = False
        self.result: O | None = None
        self.error: Exception | None = None
        self.done = False


class Together(Generic[I, O]):
    """`write` takes items and gives as many results, in one transaction. The items are independent of each other."""

    def __init__(self, write: Callable[[Sequence[I]], Sequence[O]]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[_Place[I, O]] = []
        self._leader: _Place[I, O] | None = None
        # The leader's own is written; it looks after what others have left, until one comes who can do that instead.
        self._may_be_relieved = False
        self._rest_until = 0.0
        self._wake = threading.Event()

    def __call__(self, item: I) -> O:
        """What `write` gives for this item. Raises what it raises for this item alone."""
        if connection.in_atomic_block:
            # It belongs to the caller's transaction, which nobody else can see.
            return self._write([item])[0]
        mine: _Place[I, O] = _Place(item)
        self._come(mine)
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._lead(mine)
        return self._result(mine)

    def later(self, item: I, then: Then[O]) -> None:
        """Leave an item to whoever writes, who calls `then`. This thread where nobody does, until it is relieved.

        Where many wait already, one more waits with them and calls `then` itself, so that what is left to be written
        never grows long.
        """
        mine: _Place[I, O] = _Place(item, then)
        if connection.in_atomic_block or len(self._waiting) >= AT_MOST:
            try:
                result = self(item)
            except Exception as error:  # noqa: BLE001 - told
                self._tell(mine, None, error)
            else:
                self._tell(mine, result, None)
            return
        self._come(mine)
        if mine.leads:
            self._lead(mine)

    def _come(self, mine: _Place[I, O]) -> None:
        with self._lock:
            self._waiting.append(mine)
            if self._leader is None or self._may_be_relieved:
                self._leader, mine.leads, self._may_be_relieved = mine, True, False
                self._wake.set()
            elif mine.then is None:
                self._wake.set()

    def _lead(self, mine: _Place[I, O]) -> None:
        """Write for everybody who waits now, this thread first, and hand the lead on."""
        try:
            while self._leads_after_a_rest(mine):
                with self._lock:
                    # Whoever waits comes before what was left, so that nobody leads in vain.
                    self._waiting.sort(key=lambda place: (place is not mine, place.then is not None))
                    batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
                try:
                    self._write_for(batch)
                finally:
                    for place in batch:
                        place.written = True
                    self._hand_on(mine, stay=True)
                    for place in batch:
                        place.turn.set()
                self._tell_all([place for place in batch if place.then is not None])
        finally:
            self._hand_on(mine, stay=False)  # where this thread was ended in the middle of it

    def _leads_after_a_rest(self, mine: _Place[I, O]) -> bool:
        """Let more come where nobody waits. False where somebody else leads then."""
        with self._lock:
            nobody_waits = all(place.then is not None for place in self._waiting)
            rest = self._rest_until - time.monotonic() if nobody_waits else 0.0
            if self._leader is mine:
                self._may_be_relieved = mine.written
                self._wake.clear()
        if rest > 0 and self._leader is mine:
            self._wake.wait(rest)
        with self._lock:
            if self._leader is not mine:
                return False
            self._may_be_relieved = False
            return True

    def _hand_on(self, mine: _Place[I, O], *, stay: bool) -> None:
        """To one who waits. It may `stay` here where others have left something."""
        with self._lock:
            if self._leader is not mine:
                return
            heir = next((place for place in self._waiting if place.then is None), None)
            if heir is not None:
                self._leader, heir.leads = heir, True
            elif not (stay and self._waiting):
                self._leader = None
            self._rest_until = time.monotonic() + GATHER if self._waiting else 0.0
        if heir is not None:
            heir.turn.set()

    def _write_for(self, batch: Sequence[_Place[I, O]]) -> None:
        try:
            with in_turn():
                results = self._write([place.item for place in batch])
        except Exception as error:  # noqa: BLE001 - raised in the thread whose item it is
            if len(batch) == 1:
                batch[0].error = error
            return
        for place, result in zip(batch, results, strict=True):
            place.result, place.done = result, True

    def _result(self, place: _Place[I, O]) -> O:
        if place.error is not None:
            raise place.error
        if place.done:
            return place.result  # type: ignore[return-value]
        # The transaction of several failed on account of any of them: each meets its own error.
        with in_turn():
            return self._write([place.item])[0]

    def _tell_all(self, left: Sequence[_Place[I, O]]) -> None:
        away: Exception | None = None
        for place in left:
            if away is not None and not place.done:
                # A database that is away is away for the next one too.
                self._tell(place, None, away)
                continue
            try:
                result = self._result(place)
            except Exception as error:  # noqa: BLE001 - told
                away = error if isinstance(error, (OperationalError, InterfaceError)) else away
                self._tell(place, None, error)
            else:
                self._tell(place, result, None)

    @staticmethod
    def _tell(place: _Place[I, O], result: O | None, error: Exception | None) -> None:
        try:
            if place.then is not None:
                place.then(result, error)
        except Exception:
            # It is not this thread's, and must not keep it from writing for others.
            logger.exception("What was to follow something that was left could not be done.")
