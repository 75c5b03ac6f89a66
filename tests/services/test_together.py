"""What several threads write at the same time is one transaction, and each meets its own error only."""

import threading
from collections.abc import Sequence

import pytest
from django.db import OperationalError

from credentials.services import together as together_module
from credentials.services.together import Together, _Place
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


@pytest.mark.django_db(transaction=True)
def test_what_is_left_is_written_by_whoever_writes_and_its_thread_goes_on() -> None:
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    told: list[int | None] = []

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        for item in (2, 3):
            together.later(item, lambda result, _: told.append(result))
        assert told == []
        desk.others_have_come.set()

    assert at_once([lambda: together(1), leaves]) == [10, None]
    assert desk.batches == [[1], [2, 3]]
    assert told == [20, 30]


@pytest.mark.django_db(transaction=True)
def test_where_nobody_writes_what_is_left_is_written_at_once() -> None:
    desk = Desk()
    desk.others_have_come.set()
    together: Together[int, int] = Together(desk.write)
    told: list[int | None] = []
    together.later(1, lambda result, _: told.append(result))
    assert told == [10]
    assert together(2) == 20


@pytest.mark.django_db(transaction=True)
def test_of_what_was_left_one_that_fails_takes_nobody_along() -> None:
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    told: dict[int, int | str | None] = {}

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        for item in (2, 13, 4):
            together.later(item, lambda result, error, item=item: told.update({item: result or str(error)}))  # type: ignore[misc]
        desk.others_have_come.set()

    at_once([lambda: together(1), leaves])
    assert told == {2: 20, 13: "thirteen", 4: 40}
    assert together(5) == 50


@pytest.mark.django_db(transaction=True)
def test_where_the_database_is_away_what_was_left_is_tried_once_more_and_not_each() -> None:
    desk = Desk()
    tried: list[Sequence[int]] = []

    def write(items: Sequence[int]) -> list[int]:
        if 1 in items or 5 in items:
            return desk.write(items)
        tried.append(items)
        raise OperationalError("away")

    together: Together[int, int] = Together(write)
    told: list[Exception | None] = []

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        for item in (2, 3, 4):
            together.later(item, lambda _, error: told.append(error))
        desk.others_have_come.set()

    at_once([lambda: together(1), leaves])
    assert tried == [[2, 3, 4], [2]]
    assert [str(error) for error in told] == ["away"] * 3
    assert together(5) == 50


@pytest.mark.django_db(transaction=True)
def test_what_follows_may_fail_and_the_next_are_written_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    told: list[int | None] = []

    def fails(result: int | None, error: Exception | None) -> None:
        # More is left meanwhile, which nobody else will write.
        together._waiting.append(_Place(3, lambda later, _: told.append(later)))
        raise ValueError("what follows")

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        together.later(2, fails)
        desk.others_have_come.set()

    at_once([lambda: together(1), leaves])
    assert "what follows" in caplog.text
    assert together(5) == 50
    assert told == [30]


@pytest.mark.django_db(transaction=True)
def test_who_looks_after_what_was_left_is_relieved_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together_module, "GATHER", 3600.0)
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    told: list[int | None] = []
    goes_on = threading.Event()

    def first() -> None:
        together.later(1, lambda result, _: told.append(result))
        goes_on.set()

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        together.later(2, lambda result, _: told.append(result))
        desk.others_have_come.set()
        while not together._may_be_relieved:
            pass
        together.later(3, lambda result, _: told.append(result))

    def waits() -> int:
        assert goes_on.wait(5)
        return together(4)

    assert at_once([first, leaves, waits])[2] == 40
    assert sorted(filter(None, told)) == [10, 20, 30]
    assert desk.batches == [[1], [2, 3, 4]]


@pytest.mark.django_db(transaction=True)
def test_one_who_waits_takes_over_what_others_have_left() -> None:
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    told: list[int | None] = []

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        together.later(2, lambda result, _: told.append(result))

    def waits() -> int:
        while not together._waiting:
            pass
        return together(3)

    def opener() -> None:
        while len(together._waiting) < 2:
            pass
        desk.others_have_come.set()

    assert at_once([lambda: together(1), leaves, waits, opener])[2] == 30
    assert desk.batches == [[1], [2, 3]]
    assert told == [20]


@pytest.mark.django_db(transaction=True)
def test_where_many_wait_one_more_waits_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together_module, "AT_MOST", 1)
    desk = Desk()
    together: Together[int, int] = Together(desk.write)
    order: list[str] = []

    def leaves() -> None:
        desk.first_is_at_it.wait(5)
        together.later(2, lambda *_: order.append("2 is written"))
        threading.Timer(0.05, desk.others_have_come.set).start()
        together.later(3, lambda *_: order.append("3 is written"))
        order.append("the thread goes on")

    at_once([lambda: together(1), leaves])
    assert sorted(order[:2]) == ["2 is written", "3 is written"]
    assert order[2:] == ["the thread goes on"]
    assert together(4) == 40


@pytest.mark.django_db
def test_inside_a_transaction_it_belongs_to_that_one() -> None:
    desk = Desk()
    desk.others_have_come.set()
    together: Together[int, int] = Together(desk.write)
    together._led = True  # somebody else is at it, and cannot see what this transaction did
    assert together(7) == 70
