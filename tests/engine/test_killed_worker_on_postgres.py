"""All of `test_killed_worker.py` on PostgreSQL, in a file of its own so that the two are run side by side."""

import pytest

from tests.engine.test_killed_worker import *  # noqa: F403 - every test of it, also those to come

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def database() -> str:
    return "postgres"
