"""The bot and the servers of the API's own tests."""

from tests.api.conftest import bot, caller_of, lying_server, serve

__all__ = ["bot", "caller_of", "lying_server", "serve"]
