"""Two things that Django's backend does and that take their time where rows are read thousands of times; and one that
it leaves to the system, which has more patience than a conversation.

Connections wait in a pool between requests, and may be lost there: the server was restarted, say. Django lets the pool
ask the server about every connection before it is given, which is a way to the server and back. Here whoever begins
with a statement that can be asked again spares it.

Moments are taken apart by a pattern, which `datetime.fromisoformat` does ten times as fast.

A server that is gone without a word, its machine or the way to it, is noticed after `NO_WORD`, and not after hours.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, Cursor, Error, OperationalError
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap
from psycopg.errors import FeatureNotSupported
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

# Of libpq: milliseconds until what was sent has to be confirmed; seconds of silence before it is asked whether anybody
# is there, seconds between two such questions, and how many may stay without an answer. `DATABASE_URL` may say others.
NO_WORD = {"tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}


@functools.lru_cache(maxsize=4)  # Django has one for each time zone of a connection
def _with_quick_moments(adapters: AdaptersMap) -> AdaptersMap:
    slow: Any = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)

    class Moment(slow):
        """A `timestamptz` as text."""

        def load(self, data: Buffer) -> datetime:
            try:
                return datetime.fromisoformat(str(data, "ascii"))
            except ValueError:  # one that Python does not know, before Christ say: the driver says so
                moment: datetime = super().load(data)
                return moment

    quick = AdaptersMap(adapters)
    quick.register_loader("timestamptz", Moment)
    return quick


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS is off: with it the pool would try connections out itself, and all of them."""

    _as_it_comes = False

    @contextmanager
    def taking_what_comes(self) -> Iterator[None]:
        """A connection that is taken inside may be a lost one."""
        self._as_it_comes = True
        try:
            yield
        finally:
            self._as_it_comes = False

    @contextmanager
    def plain_cursor(self) -> Iterator[Any]:
        """A cursor that binds parameters in the server, which keeps the plans of statements that are asked often.

        Django binds them in the client, so that PostgreSQL has to parse and plan each anew.
        """
        self.ensure_connection()
        self.validate_no_broken_transaction()
        try:
            with self.wrap_database_errors:
                try:
                    with Cursor(self.connection) as bound_in_the_server:
                        yield bound_in_the_server
                except FeatureNotSupported:
                    # The type of a column was changed beneath a kept plan, which this connection would try for ever.
                    self.connection.close()
                    raise OperationalError("The plan of a statement does not fit the table any more.") from None
        finally:
            # Within a transaction its end does that.
            if self.connection is not None and self.connection.closed and not self.in_atomic_block:
                self.close()

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        return NO_WORD | parameters | {"context": _with_quick_moments(parameters["context"])}

    def get_new_connection(self, conn_params: dict[str, Any]) -> "Connection[Any]":
        connection: Connection[Any] = super().get_new_connection(conn_params)
        if not self.pool or self._as_it_comes:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except BaseException as error:
            self.pool.putconn(connection)
            if not isinstance(error, Error):
                raise
            # Where one is lost the others probably are: none of them is given any more.
            self.pool.drain()
            connection = super().get_new_connection(conn_params)
        return connection
