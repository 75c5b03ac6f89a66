"""While the database is away a page asks to come again; a mistake of ours stays one."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from tests.support.people import Cast


def caused_by_sqlite(code: int) -> OperationalError:
    cause = sqlite3.OperationalError("as SQLite says it")
    cause.sqlite_errorcode = code
    error = OperationalError("as Django says it")
    error.__cause__ = cause
    return error


def raising(error: Exception) -> Callable[..., Any]:
    def execute(*_: object) -> None:
        raise error

    return execute


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("the database system is shutting down"), 503),
        (InterfaceError("the connection is closed"), 503),
        (caused_by_sqlite(sqlite3.SQLITE_BUSY), 503),
        (caused_by_sqlite(sqlite3.SQLITE_ERROR), 500),
        (RuntimeError("ours"), 500),
    ],
)
def test_a_page_tells_a_database_that_is_away_from_a_mistake_of_ours(
    cast: Cast, client: Client, error: Exception, status: int
) -> None:
    client.force_login(cast.alice)
    client.raise_request_exception = False
    with connection.execute_wrapper(raising(error)):
        answer = client.get("/organizations/")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert (b"The database cannot be reached." in answer.content) is (status == 503)
    assert str(error).encode() not in answer.content
