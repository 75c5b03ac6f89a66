"""On SQLite a request's connection waits for the next one, and brings nothing along from the last."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections, transaction
from pytest_django import DjangoDbBlocker

from organizations.sql.sqlite import base
from organizations.sql.sqlite.idle import AT_MOST, File, file_of
from tests.support.product import DATABASE, Product


@pytest.fixture
def somebody(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[], base.DatabaseWrapper]]:
    """Makes requests of a database with one table; each has a wrapper of its own, as each thread has."""
    settings = {**connection.settings_dict, "NAME": str(tmp_path / "some.sqlite3")}
    with django_db_blocker.unblock():
        with base.DatabaseWrapper(settings, "some").cursor() as cursor:
            cursor.execute("CREATE TABLE seen (what text NOT NULL)")
            cursor.execute("INSERT INTO seen VALUES ('before'), ('before')")
        yield lambda: base.DatabaseWrapper(settings, "some")
    while left := base.idle.take(the_file(base.DatabaseWrapper(settings, "some"))):
        left.close()


def the_file(one: base.DatabaseWrapper) -> File:
    found = file_of(one.settings_dict["NAME"])
    assert found
    return found


def is_closed(one: sqlite3.Connection) -> bool:
    try:
        one.execute("SELECT 1")
    except sqlite3.ProgrammingError as error:
        return "closed" in str(error)
    return False


def rows(one: base.DatabaseWrapper) -> int:
    with one.cursor() as cursor:
        return int(cursor.execute("SELECT count(*) FROM seen").fetchone()[0])


def the_same(first: base.DatabaseWrapper, then: base.DatabaseWrapper) -> bool:
    """Whether what `first` leaves at the end of its request is what `then` takes."""
    first.ensure_connection()
    left = first.connection
    first.close_if_unusable_or_obsolete()
    then.ensure_connection()
    return then.connection is left


def test_whoever_comes_next_takes_the_connection_that_was_left(somebody: Callable[[], base.DatabaseWrapper]) -> None:
    first, then = somebody(), somebody()
    assert the_same(first, then)
    first.ensure_connection()
    assert first.connection is not then.connection
    assert rows(first) == rows(then) == 2


def test_a_query_not_read_to_its_end_does_not_hold_the_next_request_in_the_past(
    somebody: Callable[[], base.DatabaseWrapper],
) -> None:
    first, then = somebody(), somebody()
    half_read = first.cursor()
    half_read.execute("SELECT what FROM seen")
    assert half_read.fetchone()
    writer = somebody()
    with writer.cursor() as cursor:
        cursor.execute("INSERT INTO seen VALUES ('later')")
    assert the_same(first, then)
    assert rows(then) == 3
    with pytest.raises(DatabaseError):
        half_read.fetchone()


def test_a_plain_cursor_leaves_nothing_half_read_and_is_refused_in_a_block_that_is_broken(
    somebody: Callable[[], base.DatabaseWrapper],
) -> None:
    first, writer = somebody(), somebody()
    with first.plain_cursor() as half_read:
        half_read.execute("SELECT what FROM seen WHERE what LIKE %s || '%%'", ["bef"])
        assert half_read.fetchone() == ("before",)
    with writer.cursor() as cursor:
        cursor.execute("INSERT INTO seen VALUES ('later')")
    assert rows(first) == 3
    with pytest.raises(OperationalError, match="nowhere"), first.plain_cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere")
    first.needs_rollback = True
    first.in_atomic_block = True
    with pytest.raises(transaction.TransactionManagementError), first.plain_cursor():
        pass


def test_what_was_not_committed_is_never_somebody_elses(somebody: Callable[[], base.DatabaseWrapper]) -> None:
    first, then = somebody(), somebody()
    first.set_autocommit(False)
    with first.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO seen VALUES ('taken back')")
    first.close()
    assert rows(then) == 2
    assert then.get_autocommit()


def test_a_connection_in_the_middle_of_a_block_or_with_which_something_went_wrong_is_not_given_on(
    somebody: Callable[[], base.DatabaseWrapper],
) -> None:
    first, then = somebody(), somebody()
    held = first.cursor()
    with pytest.raises(DatabaseError):
        held.execute("SELECT * FROM nowhere")
    assert not the_same(first, then)
    # `held` belonged to the closed one: the next end has nothing to do with it.
    assert the_same(first, somebody())
    first.ensure_connection()
    left = first.connection
    first.in_atomic_block = True
    first.close()
    assert is_closed(left)


def test_what_went_wrong_in_a_block_that_was_taken_back_counts_too(
    somebody: Callable[[], base.DatabaseWrapper], request: pytest.FixtureRequest
) -> None:
    first = somebody()
    connections["some"] = first
    request.addfinalizer(lambda: connections.__delitem__("some"))
    with pytest.raises(DatabaseError), transaction.atomic(using="some"), first.cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere")
    assert not first.errors_occurred
    assert not the_same(first, somebody())
    # A refusal is nothing wrong with the connection.
    with pytest.raises(IntegrityError), transaction.atomic(using="some"), first.cursor() as cursor:
        cursor.execute("INSERT INTO seen VALUES (NULL)")
    assert the_same(first, somebody())


def test_a_few_wait_and_the_others_are_closed(somebody: Callable[[], base.DatabaseWrapper]) -> None:
    crowd = [somebody() for _ in range(AT_MOST + 2)]
    for one in crowd:
        one.ensure_connection()
    left = [one.connection for one in crowd]
    for one in crowd:
        one.close()
    assert [is_closed(one) for one in left] == [False] * AT_MOST + [True] * 2


def test_what_is_closed_already_and_what_another_settings_name_means_are_no_stumbling_block(
    somebody: Callable[[], base.DatabaseWrapper], tmp_path: Path
) -> None:
    first, then = somebody(), somebody()
    first.ensure_connection()
    held = first.cursor()
    first.connection.close()
    first.close()
    assert held is not None
    assert rows(then) == 2
    left = then.connection
    then.settings_dict = {**then.settings_dict, "NAME": str(tmp_path / "another.sqlite3")}
    then.close()
    then.ensure_connection()
    assert then.connection is not left


def test_what_waits_for_a_file_is_not_asked_once_another_is_in_its_place(
    somebody: Callable[[], base.DatabaseWrapper],
) -> None:
    first, then = somebody(), somebody()
    file = Path(first.settings_dict["NAME"])
    first.ensure_connection()
    outdated = first.connection
    first.close()
    file.rename(file.with_name("away"))  # its number is taken as long as it is there
    file.touch()
    with then.cursor() as cursor, pytest.raises(DatabaseError, match="no such table"):
        cursor.execute("SELECT what FROM seen")
    assert is_closed(outdated)


def test_who_makes_the_file_leaves_a_connection_like_all_others(somebody: Callable[[], base.DatabaseWrapper]) -> None:
    maker, follower = somebody(), somebody()
    file = Path(maker.settings_dict["NAME"])
    file.rename(file.with_name("away"))
    assert the_same(maker, follower)


def test_one_whose_file_was_replaced_while_it_was_used_is_closed(somebody: Callable[[], base.DatabaseWrapper]) -> None:
    first, then = somebody(), somebody()
    file = Path(first.settings_dict["NAME"])
    first.ensure_connection()
    used = first.connection
    file.rename(file.with_name("away"))
    then.ensure_connection()
    then.close()
    first.close()
    assert is_closed(used)


_LOCKS_OF_A_FORK = """
import os
from pathlib import Path
from django.db import connection, connections

def locks():
    connection.ensure_connection()
    return sum(line.split()[4] == str(os.getpid()) for line in Path("/proc/locks").read_text().splitlines())

alone = locks()
connection.close()
if not (child := os.fork()):
    try:
        os._exit(0 if locks() == alone > 0 else 1)
    finally:
        os._exit(2)
print(os.waitpid(child, 0)[1])
connection.ensure_connection()
parents = connection.connection
if not (child := os.fork()):
    try:
        connections.close_all()
        connection.ensure_connection()
        os._exit(0 if connection.connection is not parents else 1)
    finally:
        os._exit(2)
print(os.waitpid(child, 0)[1])
"""


def test_a_fork_holds_locks_of_its_own_and_uses_nothing_of_its_parents(product: Callable[..., Product]) -> None:
    """SQLite knows in each process what it has locked; a fork would believe to have what its parent has."""
    still = product(web=0, workers=0)
    assert still.manage("shell", "--verbosity", "0", "-c", _LOCKS_OF_A_FORK).split() == ["0", "0"]


_ONE_REQUEST = """
from pathlib import Path
from django.db import connection
connection.cursor().execute("SELECT 1 FROM django_migrations")
connection.close()
print(Path(str(connection.settings_dict["NAME"]) + "-wal").exists())
"""


def test_no_request_is_the_last_to_leave_the_database(product: Callable[..., Product]) -> None:
    """What would fold and delete the write-ahead log, for the next one to make anew."""
    still = product(web=0, workers=0)
    assert still.manage("shell", "--verbosity", "0", "-c", _ONE_REQUEST).split() == ["True"]
    assert not (still.folder / "var" / f"{DATABASE}-wal").exists()


def test_what_waits_keeps_nobody_from_the_database(product: Callable[..., Product]) -> None:
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
