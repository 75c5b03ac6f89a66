"""The product's WSGI application in a process whose clock can be wrong."""

from tests.chaos.clock import bend
from tests.chaos.disk import obey
from tests.chaos.holders import sign

bend()
sign()
obey()

from botaccounts.wsgi import application  # noqa: E402 - everything after this reads the bent clock

__all__ = ["application"]
