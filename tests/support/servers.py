"""Fixtures that start real servers. `tests/conftest.py` names this module as a plugin; each fixture explains itself."""

from tests.support.databases import postgres, postgres_url, redis_server, redis_url
from tests.support.sandbox_server import sandbox, start_sandbox

__all__ = ["postgres", "postgres_url", "redis_server", "redis_url", "sandbox", "start_sandbox"]
