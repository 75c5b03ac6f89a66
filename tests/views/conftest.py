"""The fixtures of these tests."""

import pytest

from credentials.models import Credential
from tests.support.journeys import authorized_credential, token_server
from tests.support.lying_server import LyingServer
from tests.support.people import Cast

__all__ = ["token_server"]


@pytest.fixture
def authorized(cast: Cast, token_server: LyingServer) -> Credential:
    """A credential with a token, named "Orders"."""
    return authorized_credential(cast, token_server, name="Orders")
