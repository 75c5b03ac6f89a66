"""Connections wait in a pool between requests, and may be lost there: the server was restarted, say.

Django's backend lets its pool ask the server about every connection before it is given, which is a way to the server
and back. Here whoever begins with a statement that can be asked again spares it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS is to be off: the pool would do it too."""

    _as_it_comes = False

    @contextmanager
    def taking_what_comes(self) -> Iterator[None]:
        """A connection that is taken inside may be a lost one."""
        self._as_it_comes = True
        try:
            yield
        finally:
            self._as_it_comes = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> "Connection[Any]":
        connection: Connection[Any] = super().get_new_connection(conn_params)
        if not self.pool or self._as_it_comes:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except OperationalError:
            self.pool.putconn(connection)
            # Where one is lost the others probably are: all of them are asked now, and replaced.
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection
