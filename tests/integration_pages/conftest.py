"""Who and what the tests of integrations' pages play with."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration
from organizations import services
from organizations.audit import Actor
from organizations.models import Bot, Organization
from tests.support.credentials import (
    give_token,
    make_credential,
    make_integration,
)
from tests.support.lying_server import lying_server, serve
from tests.support.people import Cast

__all__ = ["lying_server", "serve"]


@pytest.fixture
def bot(cast: Cast) -> Bot:
    return services.create_bot(Actor.command("test"), cast.organization, "Concierge")


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


def page(organization: Organization, rest: str = "", integration: ApiIntegration | None = None) -> str:
    middle = f"{integration.pk}/" if integration else ""
    return f"/organizations/{organization.pk}/integrations/{middle}{rest}"


def filled(its_bot: Bot, /, **changes: Any) -> dict[str, Any]:
    """What somebody posts who fills in the form; a field that is None is left out."""
    form = {
        "name": "Look up an order",
        "bot": str(its_bot.pk),
        "method": "GET",
        "url": "https://api.example.com/orders/{$botContext.orderId}",
        "credential": "",
        "use_default_headers": "on",
        "headers": "X-Brand: golden\r\nX-Name: {$botContext.name}",
        "parameters": "limit=5\r\nq=a=b",
        "body": "",
    }
    return {name: value for name, value in (form | changes).items() if value is not None}


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def attached(bot: Bot, cast: Cast) -> ApiIntegration:
    """An integration whose credential has a token."""
    credential = make_credential(cast.organization)
    give_token(credential)
    # Its variable keeps a test request without one from being sent.
    headers = [["X-Name", "{$botContext.name}"]]
    return make_integration(cast.organization, "https://api.example.com/orders", credential=credential, headers=headers)
