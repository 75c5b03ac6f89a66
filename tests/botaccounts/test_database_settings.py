"""What DATABASE_URL says of the way to the database is kept beside what we say of it, and a commit is on the disk."""

import os
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from tests.support.processes import ROOT
from tests.support.product import Product

ADDRESS = "postgres://bots:secret@db.example.com/bots?sslmode=verify-full&sslrootcert=/etc/ssl/pg.pem"


def test_a_database_elsewhere_has_to_show_its_certificate_where_the_address_says_so() -> None:
    script = "from botaccounts.settings import DATABASES; print(sorted(DATABASES['default']['OPTIONS'].items()))"
    environment = {**os.environ, "DATABASE_URL": ADDRESS, "DATABASE_PREPARE_AFTER": "3"}
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "('sslmode', 'verify-full'), ('sslrootcert', '/etc/ssl/pg.pem')" in printed
    assert "'pool'" in printed
    assert "'prepare_threshold', 3" in printed


FULL = 2


@pytest.mark.django_db
def test_sqlite_has_written_what_it_says_is_committed() -> None:
    with connection.cursor() as cursor:
        found = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert found == [FULL, "wal"]


START = "from credentials.checks import refuse_to_start_when_misconfigured as start; start()"


def warned(product: Product, *command: str) -> bool:
    """Whether a command says so; what it says to its error output is kept in a file."""
    log = product.folder / "log" / "manage.log"
    before = len(log.read_text()) if log.exists() else 0
    product.manage(*command)
    return "credentials.W002" in log.read_text()[before:]


@pytest.mark.postgres
def test_a_postgresql_that_answers_before_it_has_written_is_complained_about(product: Callable[..., Product]) -> None:
    made = product(web=0, workers=0, database="postgres")
    name = made.env["DATABASE_URL"].rpartition("/")[2]
    for value, complains in (("off", True), ("local", False)):
        with psycopg.connect(made.env["DATABASE_URL"], autocommit=True) as operator:
            operator.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
        assert warned(made, "check") is complains
        assert warned(made, "shell", "--verbosity", "0", "-c", START) is complains
