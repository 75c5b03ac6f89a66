"""Django's backend, with connections that wait open between requests, as they do for PostgreSQL.

To open one takes half a millisecond: some forty functions are registered, and SQLite reads the whole schema. And where
no other is open, the one that a request closes has SQLite copy the write-ahead log into the database, sync that and
delete the log, and the next request makes a new one: more work than the request itself
(https://www.sqlite.org/wal.html#automatic_checkpoint). What waits here is in no transaction and keeps nobody from
anything; the log is copied by whoever writes its thousandth page, and when the processes have ended.
"""

import os
import weakref
from collections import deque
from sqlite3 import Connection, Error
from typing import Any

from django.db.backends.sqlite3 import base

# More are closed: each keeps its copy of the schema and up to 2 MB of pages, and few requests run at the same moment.
IDLE = 4

# By the name and the number of a file: where another has taken its place, what waits for this one is not asked.
_idle: dict[tuple[str, int, int], deque[Connection]] = {}


def waiting(name: str) -> deque[Connection]:
    """What waits for this file; what would wait for one that is not there is forgotten."""
    try:
        found = os.stat(name)  # noqa: PTH116 - at each request
    except OSError:
        return deque()
    return _idle.setdefault((name, found.st_dev, found.st_ino), deque())


def _close_idle() -> None:
    """Before a fork: where the parent has a file open, SQLite in the child would believe that it holds its locks."""
    for connections in _idle.values():
        while connections:
            connections.pop().close()


os.register_at_fork(before=_close_idle)


class DatabaseWrapper(base.DatabaseWrapper):
    """`close` keeps the connection for whoever is next, if nothing was wrong with it."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        # Of this connection: what is done with it when it is closed must not depend on what has changed meanwhile.
        self._process = os.getpid()
        self._waiting = waiting(str(self.settings_dict["NAME"]))
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()
        try:
            return self._waiting.pop()
        except IndexError:
            connection: Connection = super().get_new_connection(conn_params)
            return connection

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def is_usable(self) -> bool:
        """Django asks once something went wrong, and for SQLite would always say yes; but a disk may have failed."""
        return not self.errors_occurred

    def _close(self) -> None:
        if self._may_wait() and self._is_clean():
            self._waiting.append(self.connection)
        else:
            super()._close()  # type: ignore[misc]  # the stubs do not know it

    def _may_wait(self) -> bool:
        if self.connection is None or self._process != os.getpid():
            return False
        return not self.in_atomic_block and not self.errors_occurred and len(self._waiting) < IDLE

    def _is_clean(self) -> bool:
        """After this, where it is possible."""
        try:
            # A query that was not read to its end would have the next request see the database as it was then.
            for cursor in list(self._cursors):
                cursor.close()
            self.connection.rollback()
        except Error:
            return False
        return True
