"""Statements that are asked thousands of times: on PostgreSQL planned once a connection instead of at every use.

Django binds parameters in the client, which PostgreSQL has to parse and plan anew each time. Here they are bound in the
server and prepared after the first uses, unless `prepare_threshold` of the connection is off (a pooler in between that
knows no prepared statements). Elsewhere this is Django's own cursor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def cursor() -> Iterator[Any]:
    """A cursor with `execute`, `fetchone` and `fetchall`; its errors are Django's.

    `OperationalError` also where a kept plan has to be forgotten: whoever asks again gets another connection.
    """
    if connection.vendor != "postgresql":
        with connection.cursor() as djangos:
            yield djangos
        return
    import psycopg  # not installed where the database is SQLite

    connection.ensure_connection()
    with connection.wrap_database_errors:
        try:
            with psycopg.Cursor(connection.connection) as bound_in_the_server:
                yield bound_in_the_server
        except psycopg.errors.FeatureNotSupported:
            # The type of a column was changed beneath a kept plan, which this connection would try for ever.
            connection.connection.close()
            raise psycopg.OperationalError("The plan of a statement does not fit the table any more.") from None
