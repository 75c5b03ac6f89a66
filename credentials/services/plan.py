"""What the threads of a worker take from: the tokens that are due, as this process last read them."""

import random
import threading
import time
from collections.abc import Sequence
from uuid import UUID

from credentials.services.due import Due, due

PLAN = 1000  # tokens
PORTION = 100
PLAN_LIVES = 2.0  # seconds; other workers take from the same rows
# How often it is read again where no row can be begun.
LOOK_AGAIN = 0.05  # seconds
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
