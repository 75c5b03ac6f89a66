"""Statements that are asked thousands of times, without what Django does for each of them.

On PostgreSQL they are planned once a connection instead of at every use: parameters are bound in the server, and the
statement is prepared after the first uses, unless `prepare_threshold` of the connection is off (a pooler in between
that knows no prepared statements).
"""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

if TYPE_CHECKING:
    from organizations.sql.postgresql.base import DatabaseWrapper


def cursor() -> AbstractContextManager[Any]:
    """A cursor with `execute`, `executemany`, `fetchone` and `fetchall`; its errors are Django's.

    `OperationalError` also where a kept plan has to be forgotten. Whoever asks again after a connection was lost gets
    another one.
    """
    # `django.db.connection` looks this up at each use of it, and there would be many.
    plain: AbstractContextManager[Any] = connections[DEFAULT_DB_ALIAS].plain_cursor()  # type: ignore[attr-defined]
    return plain


def rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a statement reads. Parameters as in Python; a list is for `among`."""
    with cursor() as reading:
        reading.execute(statement, stored(parameters))
        found: list[tuple[Any, ...]] = reading.fetchall()
        return found


def first_rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As `rows`, where a request that changes nothing yet begins with it: one way to the database less.

    A connection that comes from the pool is not tried out before; where it turns out to be lost, another one is asked.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql" or database.connection is not None:
        return rows(statement, parameters)
    database = cast("DatabaseWrapper", database)
    with database.taking_what_comes():
        database.ensure_connection()
    try:
        return rows(statement, parameters)
    except OperationalError:
        if database.connection is not None and database.is_usable():
            raise
        database.close()
        return rows(statement, parameters)


def change(statement: str, parameters: Sequence[Any]) -> int:
    """How many rows a statement has changed. Parameters as for `rows`."""
    with cursor() as changing:
        changing.execute(statement, stored(parameters))
        return int(changing.rowcount)


def among() -> str:
    """The condition that a column is one of a list, whose length does not change the text."""
    if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
        return "= ANY(%s)"
    return "IN (SELECT value FROM json_each(%s))"


def for_no_key_update(*aliases: str) -> str:
    """Lock the rows of these tables until the transaction ends. Rows that refer to them can be added meanwhile."""
    database = connections[DEFAULT_DB_ALIAS]
    return f"FOR NO KEY UPDATE OF {', '.join(aliases)}" if database.features.has_select_for_update else ""


def stored(parameters: Sequence[Any]) -> Sequence[Any]:
    """Parameters as the database holds them. PostgreSQL's driver knows every type but that of JSON."""
    if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
        return parameters
    return [_as_sqlite_holds_it(each) for each in parameters]


def _as_sqlite_holds_it(value: Any) -> Any:
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return connections[DEFAULT_DB_ALIAS].ops.adapt_datetimefield_value(value)
    if isinstance(value, dict):
        return json.dumps(value)
    return json.dumps([_as_sqlite_holds_it(each) for each in value]) if isinstance(value, list) else value
