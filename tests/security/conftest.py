"""A credential of Bob's organization, and the servers that it leads to."""

import pytest

from credentials.models import Credential
from tests.support.journeys import new_credential, token_server
from tests.support.lying_server import LyingServer, json_answer, lying_server, serve, token_answer
from tests.support.people import Cast

__all__ = ["lying_server", "serve", "token_server"]


@pytest.fixture
def token_endpoint(token_server: LyingServer) -> LyingServer:
    """A token endpoint at /token that issues `canary-at-1` and `canary-rt-1` for whatever it is sent."""
    token_server.on("/token", token_answer("canary-at-1", refresh_token="canary-rt-1"))
    return token_server


@pytest.fixture
def credential(cast: Cast, token_endpoint: LyingServer) -> Credential:
    """Saved and not yet authorized; its server says nothing about itself."""
    return new_credential(cast, token_endpoint.url("/token"), name="Orders")


@pytest.fixture
def issuer(token_endpoint: LyingServer) -> str:
    """The authorization server says who it is, and that each of its answers says so too (RFC 8414, RFC 9207)."""
    stated = token_endpoint.url("").rstrip("/")
    document = {
        "issuer": stated,
        "authorization_endpoint": token_endpoint.url("/authorize"),
        "token_endpoint": token_endpoint.url("/token"),
        "authorization_response_iss_parameter_supported": True,
    }
    token_endpoint.on("/.well-known/oauth-authorization-server", json_answer(document))
    return stated


@pytest.fixture
def known_credential(cast: Cast, token_endpoint: LyingServer, issuer: str) -> Credential:
    """A credential whose server says who it is."""
    auth_url = token_endpoint.url("/authorize")
    return new_credential(cast, token_endpoint.url("/token"), name="Orders", auth_url=auth_url)


def token_requests(server: LyingServer) -> int:
    return sum(request.path == "/token" for request in server.requests)
