"""What DATABASE_URL says of the way to the database is kept beside what we say of it."""

import os
import subprocess
import sys

from tests.support.processes import ROOT

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
