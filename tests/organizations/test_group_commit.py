"""Many requests, one insert: each waits until its own entry is committed, and learns when it is not."""

import threading
import uuid
from collections.abc import Callable, Hashable, Iterator, Sequence

import pytest
from django.db import OperationalError, connection, transaction

from organizations import audit, chain, group_commit
from organizations.audit import Actor, NewEntry
from organizations.models import SYSTEM_CHAIN, AuditEntry
from tests.support.processes import wait_until
from tests.support.tokens import at_once

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = Actor.worker()


def entry(number: int) -> NewEntry:
    return NewEntry(WORKER, "token.served", object_id=str(number))


class Gate:
    """Holds whoever is about to lock the chain until it is opened, and counts them."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.came = 0

    def pass_through(self, chain_id: uuid.UUID, lock: Callable[[uuid.UUID], chain.Head]) -> chain.Head:
        self.came += 1
        assert self.open.wait(20)
        return lock(chain_id)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate, lock = Gate(), chain.locked_head
    monkeypatch.setattr(chain, "locked_head", lambda chain_id: gate.pass_through(chain_id, lock))
    yield gate
    gate.open.set()


def waiting() -> int:
    return sum(map(len, group_commit._committer._queues.values()))


def together(gate: Gate, callers: Sequence[Callable[[], object]]) -> list[object]:
    """All of them at once, let go when each is in the queue."""
    opener = threading.Thread(target=lambda: (until(len(callers)), gate.open.set()))
    opener.start()
    try:
        return at_once(callers)
    finally:
        opener.join()


def until(number: int) -> None:
    wait_until(lambda: waiting() == number, seconds=20, what="everybody queueing")


def append(number: int, **more: object) -> None:
    group_commit.append(SYSTEM_CHAIN, [entry(number)], **more)  # type: ignore[arg-type]


def test_whoever_waits_is_written_by_the_first_in_one_transaction(gate: Gate) -> None:
    assert together(gate, [lambda n=n: append(n) for n in range(12)]) == [None] * 12  # type: ignore[misc]
    assert gate.came == 1
    assert sorted(int(each) for each in AuditEntry.objects.values_list("object_id", flat=True)) == list(range(12))
    assert audit.verify(SYSTEM_CHAIN).ok
    assert len(set(AuditEntry.objects.values_list("at", flat=True))) == 1


def test_who_waits_for_somebody_elses_commit_gives_its_connection_back(gate: Gate) -> None:
    """On SQLite few are kept: with sixteen requests under way most would open one of their own each time."""

    def bot(number: int) -> bool:
        AuditEntry.objects.count()
        append(number)
        return connection.connection is None

    given_back = together(gate, [lambda n=n: bot(n) for n in range(5)])  # type: ignore[misc]
    assert [each is True for each in sorted(given_back, key=str)] == [False] + [True] * 4
    assert AuditEntry.objects.count() == 5


def test_under_a_storm_every_entry_is_there_once() -> None:
    def bot(number: int) -> None:
        for turn in range(10):
            append(number * 100 + turn)
            assert AuditEntry.objects.filter(object_id=str(number * 100 + turn)).count() == 1  # it is committed by now

    assert at_once([lambda n=n: bot(n) for n in range(8)]) == [None] * 8  # type: ignore[misc]
    assert (audit.verify(SYSTEM_CHAIN).ok, AuditEntry.objects.count()) == (True, 80)
    assert group_commit._committer._queues == {}


def test_what_the_database_refuses_is_told_to_everybody_who_waits(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr(chain, "append", refuse)
    told = together(gate, [lambda n=n: append(n) for n in range(5)])  # type: ignore[misc]
    assert [str(error) for error in told] == ["the disk is full"] * 5
    assert len({id(error) for error in told}) == 5
    monkeypatch.undo()
    append(7)
    assert [each.object_id for each in AuditEntry.objects.all()] == ["7"]


def test_while_the_chain_cannot_be_locked_they_fail_together_and_not_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[uuid.UUID] = []

    def unreachable(chain_id: uuid.UUID) -> None:
        tries.append(chain_id)
        until(4)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(chain, "locked_head", unreachable)
    told = at_once([lambda n=n: append(n) for n in range(4)])  # type: ignore[misc]
    assert {type(error) for error in told} == {OperationalError}
    assert len(tries) == 1


def test_a_thread_that_is_ended_while_it_writes_for_others_leaves_nobody_waiting(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*args: object) -> None:
        raise SystemExit

    def leader() -> str:
        try:
            append(0)
        except (SystemExit, OperationalError) as error:
            return type(error).__name__
        return "written"

    monkeypatch.setattr(chain, "append", end)
    assert sorted(map(str, together(gate, [leader] * 3))) == ["OperationalError", "OperationalError", "SystemExit"]


def test_entries_that_say_too_much_are_refused_to_their_own_request_alone(gate: Gate) -> None:
    gate.open.set()
    secret = NewEntry(WORKER, "token.served", details={"access_token": "canary"})
    told = at_once([lambda: group_commit.append(SYSTEM_CHAIN, [secret]), lambda: append(1)])
    assert isinstance(told[0], ValueError)
    assert told[1] is None
    assert AuditEntry.objects.get().object_id == "1"


def test_work_that_goes_along_is_done_once_for_all_who_ask_for_the_same(gate: Gate) -> None:
    asked: list[list[Hashable]] = []

    def touch(what: Sequence[Hashable]) -> None:
        assert transaction.get_connection().in_atomic_block
        asked.append(sorted(what, key=str))

    together(gate, [lambda n=n: append(n, along=[(touch, n % 2)]) for n in range(6)])  # type: ignore[misc]
    assert asked == [[0, 1]]


def test_inside_a_transaction_the_entry_belongs_to_its_change() -> None:
    with transaction.atomic():
        append(1)
        assert AuditEntry.objects.count() == 1
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()
