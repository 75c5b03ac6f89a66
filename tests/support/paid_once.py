"""What the product pays on purpose, or once a start, and tests would pay with every sign-in and every client."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.support.product import Factory


@pytest.fixture(autouse=True, scope="session")
def passwords_at_a_thousandth() -> Iterator[None]:
    """A password is hashed in 0.4 s of processor time on purpose; in this process the tests pay less for the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", PBKDF2PasswordHasher.iterations // 1000)
        yield


@pytest.fixture(autouse=True, scope="session")
def static_files_are_found_once() -> Iterator[None]:
    """A web process looks for its static files when it starts; here each client of a test is a start."""
    found: WhiteNoiseMiddleware | None = None
    find = WhiteNoiseMiddleware.add_files_from_finders

    def find_once(middleware: WhiteNoiseMiddleware) -> None:
        nonlocal found
        if found is None:
            find(middleware)
            found = middleware
        else:
            middleware.files.update(found.files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", find_once)
        yield


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, request: pytest.FixtureRequest) -> bool:
    """The test database is migrated once for all processes that run tests; each takes a copy and its own keys to it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return False
    database = connection.settings_dict["TEST"]["NAME"]
    factory: Factory = request.getfixturevalue("product_factory")
    shutil.copy(factory.migrated_sqlite(), database)
    with closing(sqlite3.connect(database)) as copied, copied:
        copied.execute("DELETE FROM credentials_keycheck")
    return True
