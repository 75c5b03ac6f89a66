"""All of `test_canary.py` on PostgreSQL with Redis, in a file of its own so that the two are run side by side."""

import pytest

from tests.security.test_canary import *  # noqa: F403 - every test of it, also those to come

pytestmark = [pytest.mark.timeout(420), pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def database() -> str:
    return "postgres"
