"""A bot's platform, as the API sees it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from organizations import services
from organizations.audit import Actor
from organizations.models import Organization, ServiceToken
from tests.support.lying_server import lying_server, serve
from tests.support.people import Cast

__all__ = ["lying_server", "serve"]


@dataclass(frozen=True)
class Caller:
    """Somebody with a service token."""

    row: ServiceToken
    token: str
    client: Client

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {self.token}", **headers})

    def post(self, path: str, body: object = None, *, raw: bytes | None = None, **headers: str) -> Any:
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return self.client.post(f"/api/v1/{path}", data, content_type="application/json", headers=headers)


@pytest.fixture(autouse=True)
def no_wrong_token_yet() -> None:
    """Wrong service tokens are counted by the minute; those of other tests do not count here."""
    cache.clear()


@pytest.fixture
def caller_of(db: None) -> Callable[[Organization], Caller]:
    def make(organization: Organization) -> Caller:
        row, token = services.create_service_token(
            Actor.command("test"), organization, "a platform", timezone.now() + timedelta(days=1)
        )
        # CSRF is enforced as in production; errors are answered instead of raised.
        return Caller(row, token, Client(enforce_csrf_checks=True, raise_request_exception=False))

    return make


@pytest.fixture
def bot(cast: Cast, caller_of: Callable[[Organization], Caller]) -> Caller:
    """A service token of the cast's organization."""
    return caller_of(cast.organization)
