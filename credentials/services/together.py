"""Group commit: what several threads of a process write at the same time goes to the database in one transaction.

Whoever comes while nobody writes, writes, for everybody who has come meanwhile; the others wait for theirs, or leave it
and go on. Nobody waits for company: alone it is one call. A commit costs the same for one row and for twenty, so a busy
worker makes few.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import connection

from organizations.turn import in_turn

logger = logging.getLogger(__name__)

I = TypeVar("I")  # noqa: E741 - what goes in
O = TypeVar("O")  # noqa: E741 - what comes out
AT_MOST = 50
# Where more was left while one wrote, still more is coming, and nobody waits for it.
GATHER = 0.05  # seconds


class _Place(Generic[I, O]):
    """One thread's item, and what came of it. `then`: the thread has left, and this is told of it."""

    def __init__(self, item: I, then: Callable[[O | None], None] | None = None) -> None:
        self.item, self.then = item, then
        self.turn = threading.Event()
        self.leads = False
        self.result: O | None = None
        self.error: Exception | None = None
        self.done = False


class Together(Generic[I, O]):
    """`write` takes items and gives as many results, in one transaction. The items are independent of each other."""

    def __init__(self, write: Callable[[Sequence[I]], Sequence[O]]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[_Place[I, O]] = []
        self._led = False
        self._somebody_waits = threading.Event()

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
            self._lead()
        return self._result(mine)

    def later(self, item: I, then: Callable[[O | None], None]) -> None:
        """Leave an item to whoever writes, who calls `then` with its result, or with None where there is none.

        This thread where nobody does, and then for everybody until nobody is left. Where many wait already, one more
        waits with them, so that what is left to be written never grows long.
        """
        if connection.in_atomic_block or len(self._waiting) >= AT_MOST:
            then(self(item))
            return
        mine: _Place[I, O] = _Place(item, then)
        self._come(mine)
        if mine.leads:
            self._lead()

    def _come(self, mine: _Place[I, O]) -> None:
        with self._lock:
            self._waiting.append(mine)
            if mine.then is None:
                self._somebody_waits.set()
            if not self._led:
                self._led = mine.leads = True

    def _lead(self) -> None:
        """Write for everybody who waits now, this thread among them, and hand the lead on.

        To one who waits. What others have left is written here too, as long as nobody waits, and then not at once.
        """
        goes_on = True
        while goes_on:
            goes_on = False
            with self._lock:
                batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
                self._somebody_waits.clear()
            try:
                self._write_for(batch)
                goes_on = True
            finally:
                with self._lock:
                    heir = next((place for place in self._waiting if place.then is None), None)
                    goes_on = goes_on and heir is None and bool(self._waiting)
                    self._led = goes_on or heir is not None
                    if heir is not None:
                        heir.leads = True
                if heir is not None:
                    heir.turn.set()
                for place in batch:
                    place.turn.set()
            for place in batch:
                if place.then is not None:
                    self._tell(place, place.then)
            if goes_on:
                self._somebody_waits.wait(GATHER)

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

    def _tell(self, place: _Place[I, O], then: Callable[[O | None], None]) -> None:
        try:
            result: O | None = self._result(place)
        except Exception:
            # Nobody waits for it who could be told.
            logger.exception("What a thread left to be written could not be written.")
            result = None
        then(result)
