"""What waited for a provider is spread by SQL, of which each database has its own."""

from collections.abc import Callable

import pytest

from tests.support.product import Product

# Run in the product.
SPREAD = """
from django.conf import settings
from django.db import connection
from tests.services.test_breaker import test_what_waited_is_spread_when_the_provider_is_back as what_waited_is_spread
from tests.support.lying_server import LyingServer
from tests.support.people import introduced
assert connection.vendor == "postgresql"
server = LyingServer()
settings.OUTBOUND_ALLOW = [server.allow_entry]
try:
    what_waited_is_spread(introduced(), server)
finally:
    server.stop()
print("It was.")
"""


@pytest.mark.postgres
def test_what_waited_is_spread_when_the_provider_is_back(product: Callable[..., Product]) -> None:
    """The test of the same name, on PostgreSQL."""
    running = product(web=0, workers=0, database="postgres")
    assert running.manage("shell", "--verbosity", "0", "-c", SPREAD) == "It was.\n"
