"""Fixtures that start real servers. `tests/conftest.py` names this module as a plugin; each fixture explains itself."""

from tests.support.browser import browser, context, page
from tests.support.databases import postgres, postgres_url, redis_server, redis_url
from tests.support.nginx import nginx
from tests.support.product import product, product_factory
from tests.support.sandbox_server import sandbox, start_sandbox

__all__ = [
    "browser",
    "context",
    "nginx",
    "page",
    "postgres",
    "postgres_url",
    "product",
    "product_factory",
    "redis_server",
    "redis_url",
    "sandbox",
    "start_sandbox",
]
