"""Group commit: what several threads of a process write at the same time goes to the database in one transaction.

Whoever comes while nobody writes, writes, for everybody who has come meanwhile; the others wait for theirs. Nobody
waits for company: alone it is one call. A commit costs the same for one row and for twenty, so a busy worker makes few.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import connection

from organizations.turn import in_turn

I = TypeVar("I")  # noqa: E741 - what goes in
O = TypeVar("O")  # noqa: E741 - what comes out
AT_MOST = 50


class _Place(Generic[I, O]):
    """One thread's item, and what came of it."""

    def __init__(self, item: I) -> None:
        self.item = item
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

    def __call__(self, item: I) -> O:
        """What `write` gives for this item. Raises what it raises for this item alone."""
        if connection.in_atomic_block:
            # It belongs to the caller's transaction, which nobody else can see.
            return self._write([item])[0]
        mine: _Place[I, O] = _Place(item)
        with self._lock:
            self._waiting.append(mine)
            if not self._led:
                self._led = mine.leads = True
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        if mine.done:
            return mine.result  # type: ignore[return-value]
        # The transaction of several failed on account of any of them: each thread meets its own error.
        with in_turn():
            return self._write([item])[0]

    def _lead(self) -> None:
        """Write once for everybody who waits now, this thread among them, and hand the lead on."""
        with self._lock:
            batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
        try:
            self._write_for(batch)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._led = heir is not None
                if heir is not None:
                    heir.leads = True
            if heir is not None:
                heir.turn.set()
            for place in batch:
                place.turn.set()

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
