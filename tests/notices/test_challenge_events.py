"""The webhook of a service token hears how the challenges ended that were made with it."""

import json
from typing import Any

import pytest

from credentials.models import ConsumerIdentityProvider, Credential, Notice, Webhook, WebhookDelivery
from credentials.services import deliveries, identity_provider, sweep, webhooks
from organizations import services
from organizations.access import Access
from organizations.audit import Actor
from tests.api.conftest import Caller, bot, caller_of
from tests.consumers.test_challenges import ask, authenticate, credential, fresh_cache, idp, press
from tests.notices.test_deliveries import verify
from tests.support.lying_server import LyingServer
from tests.support.people import Cast

__all__ = ["bot", "caller_of", "credential", "fresh_cache", "idp"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(alice: Access, bot: Caller, receiver: LyingServer) -> tuple[Webhook, str]:
    """The webhook of the bot's service token, and its secret."""
    return webhooks.save(alice, bot.row, receiver.url("/chat"))


def told(receiver: LyingServer, secret: str) -> list[dict[str, Any]]:
    """Deliver what waits; the messages that came, each verified."""
    for each in sweep.find().webhooks:
        deliveries.deliver(each)
    for request in receiver.requests:
        verify(secret, request.headers, request.body)
    return [json.loads(request.body) for request in receiver.requests]


def test_a_consumer_who_signed_in_is_told_with_the_conversation_and_without_the_token(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    token_server: LyingServer,
    own: tuple[Webhook, str],
    receiver: LyingServer,
) -> None:
    challenge_id, _ = authenticate(bot, credential, idp, token_server)
    (message,) = told(receiver, own[1])
    assert message["type"] == "challenge.succeeded"
    assert message["data"] == {
        "challenge": challenge_id,
        "conversation": "c-1",
        "credential": str(credential.pk),
        "organization": str(credential.organization_id),
        "status": "succeeded",
    }
    assert b"canary" not in receiver.requests[0].body


def test_with_a_confirmation_code_success_is_told_when_it_was_confirmed(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    token_server: LyingServer,
    own: tuple[Webhook, str],
    receiver: LyingServer,
) -> None:
    challenge_id, consumer = authenticate(bot, credential, idp, token_server, confirm=True)
    assert told(receiver, own[1]) == []
    code = next(word for word in consumer.page().replace("<", " ").replace(">", " ").split() if word.isdigit())
    assert bot.post(f"challenges/{challenge_id}/confirm", {"code": code}).status_code == 200
    assert [each["type"] for each in told(receiver, own[1])] == ["challenge.succeeded"]


def test_a_refusal_is_told_with_its_reason(
    bot: Caller, credential: Credential, own: tuple[Webhook, str], receiver: LyingServer
) -> None:
    asked = ask(bot, credential)
    press(asked["url"]).come_back(error="access_denied", code="")
    (message,) = told(receiver, own[1])
    assert (message["type"], message["data"]["error"]) == ("challenge.failed", "access_denied")
    assert message["data"]["challenge"] == asked["id"]


def test_a_provider_that_was_changed_meanwhile_is_told_too(
    cast: Cast,
    bot: Caller,
    credential: Credential,
    own: tuple[Webhook, str],
    receiver: LyingServer,
) -> None:
    press(ask(bot, credential)["url"])
    identity_provider.forget_consumers(cast.account)
    assert [each["data"]["error"] for each in told(receiver, own[1])] == ["changed"]


def test_another_service_tokens_webhook_and_the_organizations_hear_nothing(
    bot: Caller,
    cast: Cast,
    caller_of: Any,
    credential: Credential,
    own: tuple[Webhook, str],
    hook: tuple[Webhook, str],
    receiver: LyingServer,
) -> None:
    press(ask(caller_of(cast.organization), credential)["url"]).come_back(error="access_denied", code="")
    assert not WebhookDelivery.objects.exists()


def test_a_revoked_service_token_hears_nothing(
    bot: Caller, credential: Credential, own: tuple[Webhook, str], receiver: LyingServer
) -> None:
    link = ask(bot, credential)["url"]
    services.revoke_service_token(Actor.command("demo"), bot.row)
    press(link).come_back(error="access_denied", code="")
    assert not WebhookDelivery.objects.exists()


def test_people_are_not_told_of_single_conversations(
    bot: Caller, credential: Credential, own: tuple[Webhook, str]
) -> None:
    press(ask(bot, credential)["url"]).come_back(error="access_denied", code="")
    assert list(Notice.objects.values_list("action", flat=True)) == [""]
