"""Set up, change, try out and remove a webhook: one of an organization, one of each service token."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404

from credentials.crypto.envelope import Unsealable
from credentials.models import Webhook, WebhookDelivery
from credentials.models.clock import database_now
from credentials.models.notice import Event
from credentials.outbound import check_url, origin
from credentials.services import notices
from credentials.services.signature import new_secret
from organizations import audit, group_commit
from organizations.access import Access
from organizations.models import ServiceToken
from organizations.policies import Action

LOGGED = 25
# How long messages are signed with the secret before, too.
OVERLAP = timedelta(hours=24)


class NotAnAddress(Exception):
    """The URL cannot be called. The message says why."""


class SetUpMeanwhile(Exception):
    """Somebody else has set it up at the same moment."""


def find(access: Access, service_token: ServiceToken | None) -> Webhook | None:
    """The organization's own, or that of one service token of it."""
    return Webhook.objects.filter(organization=access.organization, service_token=service_token).first()


def find_service_token(access: Access, token_id: UUID) -> ServiceToken:
    """A service token of the person's organization, or 404."""
    token = ServiceToken.objects.filter(pk=token_id, organization=access.organization).first()
    if token is None:
        raise Http404("There is no such service token in this organization.")
    return token


def save(access: Access, service_token: ServiceToken | None, url: str) -> tuple[Webhook, str]:
    """Set the address. The second value is the new secret in plain text, kept nowhere; "" where the old one stays.

    Another host never gets messages signed with the secret of the one before: it demands a new one, and what still
    waits for the old host is not sent. Raises `NotAnAddress` and `SetUpMeanwhile`.
    """
    access.require(Action.MANAGE_WEBHOOKS)
    try:
        check_url(url)
    except ValueError as refusal:
        raise NotAnAddress(str(refusal)) from None
    try:
        with transaction.atomic():
            rows = Webhook.objects.select_for_update(of=("self",), no_key=True)
            webhook = rows.filter(organization=access.organization, service_token=service_token).first()
            before = origin(webhook.url) if webhook else ""
            secret = new_secret() if before != origin(url) else ""
            made = webhook is None
            webhook = webhook or Webhook(organization=access.organization, service_token=service_token)
            webhook.url, webhook.updated_by = url, access.user
            webhook.failures, webhook.blocked_until = 0, None
            if secret:
                webhook.seal("secret", secret)
                webhook.previous_secret, webhook.previous_until = "", None
            webhook.save(force_insert=made)
            if secret and not made:
                WebhookDelivery.objects.filter(webhook=webhook, due_at__isnull=False).update(
                    due_at=None, error="host_changed"
                )
            details = {"host": origin(url)} | ({"new_signing_key": True} if secret else {})
            record(access, webhook, "webhook.created" if made else "webhook.changed", details)
    except IntegrityError:
        raise SetUpMeanwhile from None
    return webhook, secret


def replace_secret(access: Access, webhook: Webhook) -> str:
    """Another secret, in plain text, kept nowhere. Messages are signed with both for a day, so that none is refused.

    Where it is replaced once more within the day, the one right before counts.
    """
    access.require(Action.MANAGE_WEBHOOKS)
    secret = new_secret()
    with transaction.atomic():
        found = Webhook.objects.select_for_update(of=("self",), no_key=True).filter(pk=webhook.pk).first()
        if found is None:
            raise Http404("There is no webhook here.")
        webhook = found
        webhook.previous_secret, webhook.previous_until = "", None
        with suppress(Unsealable):
            webhook.seal("previous_secret", str(webhook.unseal("secret")))
            webhook.previous_until = database_now() + OVERLAP
        webhook.seal("secret", secret)
        webhook.failures, webhook.blocked_until = 0, None
        webhook.save(
            update_fields=["secret", "previous_secret", "previous_until", "failures", "blocked_until", "updated_at"]
        )
        record(access, webhook, "webhook.secret_replaced", {})
    return secret


def signed_twice_until(webhook: Webhook) -> datetime | None:
    """Until when messages carry a signature with the secret before, too; None where they do not."""
    until = webhook.previous_until
    return until if until is not None and until > database_now() else None


def remove(access: Access, webhook: Webhook) -> None:
    """Nothing is sent there any more; what waits goes with it."""
    access.require(Action.MANAGE_WEBHOOKS)
    with transaction.atomic():
        record_of = {"host": origin(webhook.url)}
        if Webhook.objects.filter(pk=webhook.pk).delete()[0]:
            record(access, webhook, "webhook.removed", record_of)


def send_test(access: Access, webhook: Webhook) -> WebhookDelivery:
    """Put a test message into the outbox. An address that was failing is tried at once."""
    access.require(Action.MANAGE_WEBHOOKS)
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(failures=0, blocked_until=None)
        webhook.failures, webhook.blocked_until = 0, None
        delivery = notices.send(
            webhook, Event.TEST, headline="Test event", data={"message": "This is a test of the webhook."}
        )
        record(access, webhook, "webhook.tested", {})
    return delivery


def log(webhook: Webhook) -> list[WebhookDelivery]:
    """The latest messages, the newest first."""
    rows = WebhookDelivery.objects.filter(webhook=webhook).select_related("notice")
    return list(rows.order_by("-created_at", "-pk")[:LOGGED])


def tell_view(access: Access, webhook: Webhook) -> None:
    """Somebody is shown that there is a secret, and not the secret."""
    group_commit.append(access.organization.pk, [entry(access, webhook, "webhook.viewed", {})])


def record(access: Access, webhook: Webhook, action: str, details: Mapping[str, object]) -> None:
    """Inside the caller's transaction."""
    audit.record_many(access.organization, [entry(access, webhook, action, details)])


def entry(access: Access, webhook: Webhook, action: str, details: Mapping[str, object]) -> audit.NewEntry:
    """Of the address the log has its host only: what follows it is often a key."""
    label = f"of {webhook.service_token.name}" if webhook.service_token else "of the organization"
    return audit.NewEntry(access.actor, action, "webhook", str(webhook.pk), label, details=dict(details))
