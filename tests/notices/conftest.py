"""The fixtures of these tests: people with addresses, a receiver of messages on loopback, and a clock to turn."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from credentials.models import Webhook
from credentials.services import deliveries, endings, mails, notices, webhooks
from organizations.access import Access, enter
from organizations.policies import Action
from tests.support.journeys import token_server
from tests.support.lying_server import Answer, LyingServer, lying_server, serve
from tests.support.people import Cast

__all__ = ["lying_server", "serve", "token_server"]

Turn = Callable[[timedelta], None]


@pytest.fixture
def addressed(cast: Cast) -> Cast:
    """Everybody has an e-mail address."""
    for person in User.objects.all():
        person.email = f"{person.username}@example.com"
        person.save()
    for person in (cast.alice, cast.bob, cast.dana, cast.vic, cast.charlie):
        person.refresh_from_db()
    return cast


@pytest.fixture
def alice(cast: Cast) -> Access:
    return enter(cast.alice, cast.organization.pk, Action.MANAGE_WEBHOOKS)


@pytest.fixture
def receiver(lying_server: LyingServer, settings: Settings) -> LyingServer:
    """Somebody else's system, which takes every message."""
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, lying_server.allow_entry]
    lying_server.answers(Answer(status=204))
    return lying_server


@pytest.fixture
def hook(alice: Access, receiver: LyingServer) -> tuple[Webhook, str]:
    """The organization's webhook and its secret."""
    return webhooks.save(alice, None, receiver.url("/hook?key=word-of-the-address"))


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Turn the database's clock forward, for everything that tells or sends."""
    ahead = timedelta()

    def now() -> datetime:
        return timezone.now() + ahead

    def forward(by: timedelta) -> None:
        nonlocal ahead
        ahead += by

    for module in (deliveries, endings, mails, notices):
        monkeypatch.setattr(module, "database_now", now)
    return forward
