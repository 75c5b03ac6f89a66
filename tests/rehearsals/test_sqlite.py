"""Backup and restore of the embedded database, by the commands of `docs/operations.md`."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.rehearsals.documented import Operator, commands
from tests.support.journeys import set_the_stage
from tests.support.product import Product

RENAME = "UPDATE auth_user SET last_name = ? WHERE username = ?"
NAMES = "SELECT username, last_name FROM auth_user ORDER BY username"


def database_of(product: Product) -> Path:
    return Path(product.env["DATABASE_URL"].removeprefix("sqlite:///"))


def test_what_was_there_at_the_backup_is_there_after_the_restore_and_nothing_else(
    product: Callable[..., Product], tmp_path: Path
) -> None:
    operator, installed = Operator(tmp_path), product(web=0, workers=0)
    set_the_stage(installed)
    database = database_of(installed)
    with closing(sqlite3.connect(database, isolation_level=None)) as another:
        # Somebody is writing: what they have not committed neither hinders the backup nor is in it.
        another.execute("BEGIN IMMEDIATE")
        another.execute(RENAME, ["Uncommitted", "alice"])
        backup = operator.run("backup-sqlite", installed.env)
        assert backup.code == 0, backup.errors
        another.execute("COMMIT")
        another.execute(RENAME, ["Later", "bob"])
        left = {file: file.read_bytes() for file in database.parent.glob(f"{database.name}-*")}
    assert (operator.backup / "botaccounts.sqlite3").stat().st_size > 0

    # The machine died with a write-ahead log beside the database, which must not get into the restored one.
    assert len(left) == 2
    for file, content in left.items():
        file.write_bytes(content)
    restored = operator.run("restore-sqlite", installed.env)
    assert restored.code == 0, restored.errors
    assert restored.output.count("intact") == 2
    with closing(sqlite3.connect(database)) as found:
        found.create_function("REGEXP", 2, lambda pattern, text: True)  # Django's, for constraints
        assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert found.execute(NAMES).fetchall() == [(name, "") for name in ("alice", "bob", "dana", "vic")]


@pytest.mark.parametrize("name", ["backup-sqlite", "restore-sqlite", "backup-postgresql", "restore-postgresql"])
def test_the_key_is_in_no_command(name: str) -> None:
    assert "KEY" not in commands(name)
