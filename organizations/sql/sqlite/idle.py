"""Connections to SQLite files that wait open, in no transaction, for whoever is next.

A file may not be opened beside them by other means: closing it would take every lock that this process holds on it away
(https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
"""

import os
import threading
from dataclasses import dataclass, field
from sqlite3 import Connection

# More are closed: each keeps its copy of the schema and up to 2 MB of pages, and few requests run at the same moment.
AT_MOST = 4


@dataclass(frozen=True)
class File:
    """What a name stands for. Another file may take its place, and be given its name."""

    name: str
    device: int
    number: int


def file_of(name: str) -> File | None:
    """None where there is none yet, or where `name` is a URI."""
    try:
        found = os.stat(name)  # noqa: PTH116 - at each request
    except OSError:
        return None
    return File(name, found.st_dev, found.st_ino)


@dataclass
class _Waiting:
    file: File
    connections: list[Connection] = field(default_factory=list)


class IdleConnections:
    """Those of this process, for all of its threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}

    def take(self, file: File) -> Connection | None:
        """One that was put here; None where none waits for this file. What waits for one that is replaced is closed."""
        with self._guard:
            waiting = self._waiting.get(file.name)
            if waiting and waiting.file != file:
                _close(self._waiting.pop(file.name))
                return None
            return waiting.connections.pop() if waiting and waiting.connections else None

    def put(self, file: File, connection: Connection) -> bool:
        """False where it has no place here, and is still the caller's to close."""
        with self._guard:
            waiting = self._waiting.setdefault(file.name, _Waiting(file))
            if waiting.file != file or len(waiting.connections) >= AT_MOST:
                return False
            waiting.connections.append(connection)
            return True

    def before_fork(self) -> None:
        """Where the parent has a file open, SQLite in the child would believe that it holds the parent's locks."""
        self._guard.acquire()
        for waiting in self._waiting.values():
            _close(waiting)

    def after_fork(self) -> None:
        self._guard.release()


def _close(waiting: _Waiting) -> None:
    while waiting.connections:
        waiting.connections.pop().close()


idle = IdleConnections()
os.register_at_fork(before=idle.before_fork, after_in_parent=idle.after_fork, after_in_child=idle.after_fork)
