"""Django's backend, with connections that wait open between requests, as they do for PostgreSQL.

To open one takes half a millisecond: some forty functions are registered, and SQLite reads the whole schema. And where
no other is open, the one that a request closes has SQLite copy the write-ahead log into the database, sync that and
delete the log, and the next request makes a new one: more work than the request itself
(https://www.sqlite.org/wal.html#automatic_checkpoint). What waits here is in no transaction and keeps nobody from
anything; the log is copied by whoever writes its thousandth page, and when the processes have ended.
"""

import functools
import os
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from sqlite3 import Connection, Error
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX, SQLiteCursorWrapper

from organizations.sql.sqlite.idle import file_of, idle


@functools.lru_cache(maxsize=500)
def _with_question_marks(statement: str) -> str:
    """As Django does it for each use of a statement, once for all of them."""
    return FORMAT_QMARK_REGEX.sub("?", statement).replace("%%", "%")


class Cursor(SQLiteCursorWrapper):
    """Django's, which does not look for the parameters of the same statement again."""

    def convert_query(self, query: str, *, param_names: list[str] | None = None) -> str:
        return super().convert_query(query, param_names=param_names) if param_names else _with_question_marks(query)


class DatabaseWrapper(base.DatabaseWrapper):
    """`close` keeps the connection for whoever is next, if nothing was wrong with it.

    They are shared by the file they are to, not by OPTIONS: one file has one alias.
    """

    _failed = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        # Of this connection: what is done with it when it is closed must not depend on what has changed meanwhile.
        self._process = os.getpid()
        self._failed = False
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()
        name = str(self.settings_dict["NAME"])
        self._file = file_of(name)
        if self._file and (waited := idle.take(self._file)):
            return waited
        connection: Connection = super().get_new_connection(conn_params)
        self._file = self._file or file_of(name)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = self.connection.cursor(factory=Cursor)
        self._cursors.add(cursor)
        return cursor

    @contextmanager
    def plain_cursor(self) -> Iterator[Any]:
        """A cursor without Django's layers around it, which take longer than a short statement does.

        Whoever counts statements, or steps in between, gets Django's.
        """
        if self.execute_wrappers or self.queries_logged:
            with self.cursor() as heard:
                yield heard
            return
        self.ensure_connection()
        self.validate_no_broken_transaction()
        with self.wrap_database_errors, closing(self.connection.cursor(factory=Cursor)) as cursor:
            yield cursor

    def is_usable(self) -> bool:
        """Django asks once something went wrong, and for SQLite would always say yes; but a disk may have failed."""
        return not self.errors_occurred

    def _rollback(self) -> None:
        self._failed |= self.errors_occurred  # Django forgets it after this
        super()._rollback()  # type: ignore[misc]  # the stubs do not know it

    def _close(self) -> None:
        if self._may_wait() and self._file and self._left_clean() and idle.put(self._file, self.connection):
            return
        super()._close()  # type: ignore[misc]  # as above

    def _may_wait(self) -> bool:
        if self.connection is None or self._process != os.getpid():
            return False
        return not (self.in_atomic_block or self.errors_occurred or self._failed)

    def _left_clean(self) -> bool:
        """Leave nothing of this request behind; False where that is not possible."""
        try:
            # A query that was not read to its end would have the next request see the database as it was then.
            for cursor in list(self._cursors):
                cursor.close()
            self.connection.rollback()
        except Error:
            return False
        return True
