"""The environment of the tests, and Django loaded in it. Keys are random: nothing may depend on their value.

`pyproject.toml` names no settings module, because pytest-django would load it before this file is read.
"""

import gc
import os
import secrets
import tempfile
from pathlib import Path

import django
import pytest
from django.conf import settings


def _random_key(name: str) -> str:
    return f"{name}:{secrets.token_urlsafe(32)}"


if settings.configured:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: Django is loaded here, once the environment is set.")

# A folder of this run alone (SQLite file, broker, static files): two runs do not meet. It goes with the process.
_VAR_DIR = tempfile.TemporaryDirectory(prefix="botaccounts-tests-")
(Path(_VAR_DIR.name) / "static").mkdir()

for variable in ("CREDENTIAL_KEYS_FILE", "SECRET_KEY_FILE"):
    os.environ.pop(variable, None)
# Set, not removed: an .env of the checkout must not fill them in.
os.environ.update(
    DJANGO_SETTINGS_MODULE="botaccounts.settings",
    SECRET_KEY=secrets.token_urlsafe(48),
    CREDENTIAL_KEYS=f"{_random_key('test-b')},{_random_key('test-a')}",
    PUBLIC_URL="http://127.0.0.1:8000",
    ALLOWED_HOSTS="127.0.0.1,localhost",
    OUTBOUND_ALLOW="127.0.0.0/8",
    DEBUG="off",
    BEHIND_PROXY="off",
    REDIS_URL="",
    VAR_DIR=_VAR_DIR.name,
    # Chromium's driver leaves an event loop in the thread that later runs tests of the database; none of them is async.
    DJANGO_ALLOW_ASYNC_UNSAFE="on",
)
django.setup()
# A worker process of pytest-xdist inherits the environment, and must not load Django before it has set its own.
del os.environ["DJANGO_SETTINGS_MODULE"]

pytest_plugins = [
    "tests.support.afterwards",
    "tests.support.servers",
    "tests.support.paid_once",
    "tests.support.people",
    "tests.support.journeys",
]

# The longest first, so that no process is left alone with one of them at the end; among them some that mostly wait.
_LONG_FIRST = (
    "tests/security/test_canary.py",
    "tests/security/test_canary_on_postgres.py",
    "tests/engine/test_killed_worker.py",
    "tests/engine/test_killed_worker_on_postgres.py",
    "tests/e2e/test_accessibility_of_the_administration.py",
    "tests/engine/test_killed_worker_in_real_time.py",
    "tests/e2e/test_accessibility.py",
    "tests/test_embedded.py",
    "tests/engine/test_single_flight.py",
    "tests/e2e/test_failures.py",
    "tests/e2e/test_accessibility_of_types.py",
    "tests/test_checks.py",
    "tests/engine/",
    "tests/e2e/",
    "tests/rehearsals/",
)


def pytest_collection_finish() -> None:
    """What stays until the end is not looked through again and again for what could be thrown away."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(_LONG_FIRST) if item.nodeid.startswith(start)), len(_LONG_FIRST))

    items.sort(key=place)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shape",
        choices=["embedded", "production"],
        default="embedded",
        help="What tests/e2e walks through: one web process on SQLite, or all of docs/operations.md behind nginx.",
    )
