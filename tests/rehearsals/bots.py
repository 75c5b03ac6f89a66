"""Bots that go on asking while something happens to the product."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Between two rounds: what happens to the product is to be watched, and not to be slowed down.
PAUSE_SECONDS = 0.1


@contextmanager
def asking(*questions: Callable[[], int]) -> Iterator[list[int]]:
    """Ask one question after another, again and again, in a thread; yields the statuses that came so far.

    Leaves when every question was answered at least once after the block.
    """
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(PAUSE_SECONDS):
            statuses.extend(question() for question in questions)
        statuses.extend(question() for question in questions)

    bots = threading.Thread(target=ask)
    bots.start()
    try:
        yield statuses
    finally:
        over.set()
        bots.join()
