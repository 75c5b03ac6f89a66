"""An integration of a scripted resource, and a credential for it. Test modules import what they use."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from credentials.models import ApiIntegration, Credential
from credentials.services import call as service
from credentials.services.call import CallResult
from credentials.services.variables import Value
from organizations.audit import Actor
from tests.support.credentials import (
    give_token,
    make_credential,
    make_integration,
)
from tests.support.lying_server import (
    LyingServer,
)
from tests.support.people import Cast

BOT = Actor("service_token", "1", "a bot")
LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def server(lying_server: LyingServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> LyingServer:
    """A resource that may be called, and no pauses between the tries."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.0)
    return lying_server


@pytest.fixture
def integration(cast: Cast, server: LyingServer) -> Callable[..., ApiIntegration]:
    def make(path: str = "/orders/{$botContext.orderId}", **columns: Any) -> ApiIntegration:
        return make_integration(cast.organization, server.url(path), **columns)

    return make


@pytest.fixture
def credential(cast: Cast, server: LyingServer) -> Credential:
    """With a token that was obtained a while ago; its token endpoint is the server's /token."""
    credential = make_credential(cast.organization, token_url=server.url("/token"))
    give_token(credential, obtained_at=timezone.now() - LONG_AGO)
    return credential


def call(integration: ApiIntegration, **values: Value) -> CallResult:
    return service.call(integration, values or {"orderId": "A-1"}, actor=BOT)
