"""The fixtures of these tests."""

from tests.support.lying_server import lying_server, serve

__all__ = ["lying_server", "serve"]
