"""What several threads write at the same time is one transaction, and each meets its own error only."""

import threading
from collections.abc import Sequence

import pytest

from credentials.services.together import Together
from tests.support.tokens import at_once


class Desk:
    """Writes slowly enough for others to come meanwhile, and remembers what it wrote together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.first_is_at_it, self.others_have_come = threading.Event(), threading.Event()

    def write(self, items: Sequence[int]) -> list[int]:
        self.batches.append(sorted(items))
        if len(self.batches) == 1:
            self.first_is_at_it.set()
            self.others_have_come.wait(5)
        if 13 in items:
            raise ValueError("thirteen")
        return [item * 10 for item in items]


def crowd(desk: Desk, items: Sequence[int]) -> list[object]:
    """The first begins, the others come while it writes."""
    together: Together[int, int] = Together(desk.write)
    come = threading.Semaphore(0)

    def first() -> int:
        return together(items[0])

    def later(item: int) -> int:
        desk.first_is_at_it.wait(5)
        come.release()
        return together(item)

    def opener() -> None:
        for _ in items[1:]:
            come.acquire(timeout=5)
        # Those who have said that they come stand in the queue a moment later.
        while len(together._waiting) < len(items) - 1:
            pass
        desk.others_have_come.set()

    return at_once([first, *[lambda item=item: later(item) for item in items[1:]], opener])[:-1]  # type: ignore[misc]


@pytest.mark.django_db(transaction=True)
def test_whoever_comes_while_one_writes_is_written_together() -> None:
    desk = Desk()
    assert crowd(desk, [1, 2, 3, 4, 5]) == [10, 20, 30, 40, 50]
    assert desk.batches == [[1], [2, 3, 4, 5]]


@pytest.mark.django_db(transaction=True)
def test_one_that_fails_takes_nobody_along() -> None:
    desk = Desk()
    results = crowd(desk, [1, 2, 13, 4])
    assert [results[0], results[1], results[3]] == [10, 20, 40]
    assert isinstance(results[2], ValueError)


@pytest.mark.django_db(transaction=True)
def test_alone_it_is_one_call_and_its_error_is_raised_once() -> None:
    desk = Desk()
    desk.others_have_come.set()
    together: Together[int, int] = Together(desk.write)
    assert together(3) == 30
    with pytest.raises(ValueError, match="thirteen"):
        together(13)
    assert together(4) == 40
    assert desk.batches == [[3], [13], [4]]


@pytest.mark.django_db
def test_inside_a_transaction_it_belongs_to_that_one() -> None:
    desk = Desk()
    desk.others_have_come.set()
    together: Together[int, int] = Together(desk.write)
    together._led = True  # somebody else is at it, and cannot see what this transaction did
    assert together(7) == 70
