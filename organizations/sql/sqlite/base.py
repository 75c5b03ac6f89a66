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
from sqlite3 import Connection
from typing import Any

from django.db.backends.sqlite3 import base

# More are closed: each keeps its copy of the schema and up to 2 MB of pages, and few requests run at the same moment.
IDLE = 4

_idle: dict[str, deque[Connection]] = {}
_inherited: list[dict[str, deque[Connection]]] = []


def _leave_to_the_parent() -> None:
    """After a fork: what waits is the parent's, and is neither used nor closed here."""
    _inherited.append(_idle.copy())
    _idle.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)


class DatabaseWrapper(base.DatabaseWrapper):
    """`close` keeps the connection for whoever is next, if nothing was wrong with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()  # of the present connection

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        self._cursors = weakref.WeakSet()
        try:
            return self._waiting.pop()
        except IndexError:
            connection: Connection = super().get_new_connection(conn_params)
            return connection

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def _close(self) -> None:
        if self.connection is None or self.in_atomic_block or self.errors_occurred or len(self._waiting) >= IDLE:
            super()._close()  # type: ignore[misc]  # the stubs do not know it
            return
        # A query that was not read to its end would have the next request see the database as it was then.
        for cursor in list(self._cursors):
            cursor.close()
        with self.wrap_database_errors:
            self.connection.rollback()
        self._waiting.append(self.connection)

    @property
    def _waiting(self) -> deque[Connection]:
        return _idle.setdefault(str(self.settings_dict["NAME"]), deque())
