"""Many entries for one chain in one transaction: whoever waits first writes for all who wait.

An entry that has to be durable before an answer leaves costs a sync of the disk. Requests of a process that come while
another one's entries are on their way share the next transaction: one lock, one insert, one commit, which on PostgreSQL
are one statement where nothing goes along. There is no thread for it: the first that waits leads, and the next first of
those who came meanwhile leads after it. A request on its own waits for nobody.

Whoever is inside a transaction already writes there: its entries belong to its change.
"""

import contextlib
import copy
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from django.db import OperationalError, connection, transaction

from organizations import chain
from organizations.entries import NewEntry, cleaned
from organizations.turn import in_turn

ENTRIES_AT_ONCE = 500
# One statement links them in a time that grows with their square.
ALONE_AT_MOST = 50

# Work that goes along in the transaction, once for all who ask for the same: a function, and the row it is told of.
Along = tuple[Callable[[Sequence[uuid.UUID]], object], uuid.UUID]


def append(chain_id: uuid.UUID, entries: Sequence[NewEntry], along: Sequence[Along] = ()) -> None:
    """Returns when the entries are committed, in the order given; raises what the database said where they are not.

    `along` must not wait for locks: it runs while the chain is locked. Raises `ValueError` or `TypeError`, before
    anything is written, for details that `organizations.entries` refuses.
    """
    ticket = _Ticket([cleaned(entry) for entry in entries], along)
    if transaction.get_connection().in_atomic_block:
        with transaction.atomic():
            _write(chain_id, lambda: [ticket])
        return
    _committer.append(chain_id, ticket)


class _Ticket:
    """One request's entries, and how it learns what became of them."""

    __slots__ = ("along", "committed", "entries", "error", "turn")

    def __init__(self, entries: list[NewEntry], along: Sequence[Along]) -> None:
        self.entries, self.along = entries, along
        self.committed = False
        self.error: BaseException | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


def _write(chain_id: uuid.UUID, waiting: Callable[[], Sequence[_Ticket]]) -> None:
    """Who waits is asked once the chain is locked: those who came during the wait for the lock are among them."""
    head = chain.locked_head(chain_id)
    tickets = waiting()
    _go_along(each for ticket in tickets for each in ticket.along)
    chain.append(head, [entry for ticket in tickets for entry in ticket.entries])


def _write_alone(chain_id: uuid.UUID, waiting: Callable[[], Sequence[_Ticket]]) -> bool:
    """Without a transaction around it, where one statement is enough. False where it is not, and nothing is written."""
    if transaction.get_connection().vendor != "postgresql":
        return False
    tickets = waiting()
    entries = [entry for ticket in tickets for entry in ticket.entries]
    if len(entries) > ALONE_AT_MOST or any(ticket.along for ticket in tickets):
        return False
    return chain.append_alone(chain_id, entries)


def _go_along(asked: Iterable[Along]) -> None:
    told: dict[Callable[[Sequence[uuid.UUID]], object], dict[uuid.UUID, None]] = {}
    for work, what in asked:
        told.setdefault(work, {})[what] = None
    for work, whats in told.items():
        work(list(whats))


class _Committer:
    """A queue for each chain that has a leader."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queues: dict[uuid.UUID, deque[_Ticket]] = {}

    def append(self, chain_id: uuid.UUID, ticket: _Ticket) -> None:
        with self._guard:
            queue = self._queues.get(chain_id)
            leads = queue is None
            if queue is None:
                queue = self._queues[chain_id] = deque()
            queue.append(ticket)
        if not leads:
            if connection.vendor == "sqlite":
                # Few of its connections are kept; the leader may be about to open one more. Who is queued has to wait.
                with contextlib.suppress(Exception):
                    connection.close()
            ticket.turn.acquire()
        if not (ticket.committed or ticket.error):
            self._lead(chain_id, queue)
        if ticket.error:
            # A copy: one exception object must not be raised in several threads.
            raise copy.copy(ticket.error) from ticket.error

    def _lead(self, chain_id: uuid.UUID, queue: deque[_Ticket]) -> None:
        """Write for everybody who waits, this thread among them, and name the next leader."""
        taken: list[_Ticket] = []

        def take() -> list[_Ticket]:
            count = sum(len(ticket.entries) for ticket in taken)
            with self._guard:
                while queue and (not taken or count + len(queue[0].entries) <= ENTRIES_AT_ONCE):
                    count += len(queue[0].entries)
                    taken.append(queue.popleft())
            return taken

        error: BaseException | None = None
        try:
            if not _write_alone(chain_id, take):
                with in_turn(), transaction.atomic(durable=True):
                    _write(chain_id, take)
        except BaseException as failure:
            ended = OperationalError("The thread that wrote the audit entries was ended.")
            error = failure if isinstance(failure, Exception) else ended
            raise
        finally:
            # Where not even the lock was to be had, those who wait would only fail one after another.
            if not taken:
                take()
            for ticket in taken:
                ticket.error, ticket.committed = error, error is None
            with self._guard:
                successor = queue[0] if queue else None
                if successor is None:
                    del self._queues[chain_id]
            for ticket in taken:
                ticket.turn.release()
            if successor:
                successor.turn.release()


_committer = _Committer()


def _start_anew() -> None:
    """After a fork: the threads that led and waited are in the parent."""
    global _committer
    _committer = _Committer()


os.register_at_fork(after_in_child=_start_anew)
