"""Statements that are asked thousands of times: on PostgreSQL planned once a connection instead of at every use.

Django binds parameters in the client, which PostgreSQL has to parse and plan anew each time. Here they are bound in the
server and prepared after the first uses, unless `prepare_threshold` of the connection is off (a pooler in between that
knows no prepared statements). Elsewhere this is Django's own cursor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


@contextmanager
def cursor() -> Iterator[Any]:
    """A cursor with `execute`, `fetchone` and `fetchall`; its errors are Django's.

    `OperationalError` also where a kept plan has to be forgotten: whoever asks again gets another connection.
    """
    # `django.db.connection` looks this up at each use of it, and there would be many.
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        with database.cursor() as djangos:
            yield djangos
        return
    import psycopg  # not installed where the database is SQLite

    database.ensure_connection()
    with database.wrap_database_errors:
        try:
            with psycopg.Cursor(database.connection) as bound_in_the_server:
                yield bound_in_the_server
        except psycopg.errors.FeatureNotSupported:
            # The type of a column was changed beneath a kept plan, which this connection would try for ever.
            database.connection.close()
            raise psycopg.OperationalError("The plan of a statement does not fit the table any more.") from None
