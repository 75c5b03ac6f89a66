"""The write-ahead log of SQLite outlives the requests that write to it, and ends with the processes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
import requests

from tests.support.product import DATABASE, Product

_ONE_REQUEST = """
import os
from pathlib import Path
from django.db import connection
from botaccounts import write_ahead_log
%s
log = Path(str(connection.settings_dict["NAME"]) + "-wal")
def request():
    connection.cursor().execute("SELECT 1 FROM django_migrations")
    connection.close()
    return log.exists()
print(request())
"""
_IN_A_FORK = """
child = os.fork()
if not child:
    os._exit(0 if request() and len(write_ahead_log._held) == 2 else 1)
print(os.waitpid(child, 0)[1], log.exists())
"""


@pytest.fixture
def still(product: Callable[..., Product]) -> Product:
    """A product of which nothing runs."""
    return product(web=0, workers=0)


@pytest.mark.parametrize(("beginning", "said"), [("", "False"), ("write_ahead_log.keep_open()", "True")])
def test_no_request_is_the_last_to_leave_the_database(still: Product, beginning: str, said: str) -> None:
    assert still.manage("shell", "--verbosity", "0", "-c", _ONE_REQUEST % beginning).split() == [said]
    assert not (still.folder / "var" / f"{DATABASE}-wal").exists()


def test_a_fork_keeps_its_own_open_and_leaves_its_parents_alone(still: Product) -> None:
    code = _ONE_REQUEST % "write_ahead_log.keep_open()" + _IN_A_FORK
    assert still.manage("shell", "--verbosity", "0", "-c", code).split() == ["True", "0", "True"]


def test_nobody_is_kept_from_the_database_by_it(product: Callable[..., Product]) -> None:
    running = product(web=1, workers=1)
    assert requests.get(f"{running.url}/health/ready", timeout=20).ok
    database = running.folder / "var" / DATABASE
    with closing(sqlite3.connect(database, isolation_level=None, timeout=20)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        somebody.execute("ROLLBACK")
        assert somebody.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    running.stop()
    with closing(sqlite3.connect(database)) as after:
        assert after.execute("SELECT count(*) FROM django_migrations").fetchone()[0] > 0
    assert not database.with_name(f"{DATABASE}-wal").exists()
