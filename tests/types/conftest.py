"""The fixtures of these tests."""

import pytest
from django.test import Client

from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.wizard import signed_in


@pytest.fixture
def bob(cast: Cast) -> Client:
    """Bob's browser; he manages credentials."""
    return signed_in(cast.bob)


@pytest.fixture
def server(token_server: LyingServer) -> LyingServer:
    """A resource on loopback that may be called."""
    return token_server
