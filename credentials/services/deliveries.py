"""Send what lies in the outbox to a webhook: one message after another, again with back-off, for 24 hours.

One process at a time sends to one address, so that an address which hangs costs one thread and not all of them.
A message can arrive twice (a process that dies between sending and writing it down); its `webhook-id` is the same.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from uuid import UUID

import requests
from django.db.models import F, Q

from credentials.crypto.envelope import Unsealable
from credentials.models import Notice, Webhook, WebhookDelivery
from credentials.models.clock import database_now
from credentials.outbound import guarded_session
from credentials.services import backoff, signature, wake, webhooks

CALL_SECONDS = 10.0
TURN_SECONDS = 20.0  # then the next message waits for another turn
CLAIM = timedelta(seconds=60)  # longer than a turn and its last call
ANSWER_BYTES = 65_536
BATCH = 500
GONE = 410


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. `error` is "" where it was delivered.

    `final`: this message is not wanted. `down`: the address itself fails, and others need not be tried now.
    """

    status: int | None
    error: str
    milliseconds: int
    final: bool = False
    down: bool = False
    retry_after: float | None = None


def waiting() -> list[UUID]:
    """Webhooks with messages that are due, and to which nobody is sending."""
    now = database_now()
    free = Q(webhook__claimed_until__isnull=True) | Q(webhook__claimed_until__lt=now)
    open_ = Q(webhook__blocked_until__isnull=True) | Q(webhook__blocked_until__lte=now)
    due = WebhookDelivery.objects.filter(free, open_, due_at__lte=now)
    return list(due.order_by().values_list("webhook", flat=True).distinct()[:BATCH])


def deliver(webhook_id: UUID) -> int:
    """Send the messages of one webhook that are due, the oldest first. How many were delivered."""
    now = database_now()
    mine = now + CLAIM
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    open_ = Q(blocked_until__isnull=True) | Q(blocked_until__lte=now)
    if not Webhook.objects.filter(free, open_, pk=webhook_id).update(claimed_until=mine):
        return 0
    delivered, down, began = 0, False, time.monotonic()
    try:
        while not down and time.monotonic() - began < TURN_SECONDS:
            outcome = _deliver_next(webhook_id)
            if outcome is None:
                break
            down = outcome.down
            delivered += not outcome.error
    finally:
        Webhook.objects.filter(pk=webhook_id, claimed_until=mine).update(claimed_until=None)
    # What was written between the last look and the release woke somebody who found the claim taken.
    if not down and WebhookDelivery.objects.filter(webhook=webhook_id, due_at__lte=database_now()).exists():
        wake.deliver(webhook_id)
    return delivered


def _deliver_next(webhook_id: UUID) -> Outcome | None:
    due = WebhookDelivery.objects.filter(webhook=webhook_id, due_at__lte=database_now())
    delivery = due.select_related("webhook", "notice").order_by("created_at", "pk").first()
    if delivery is None:
        return None
    outcome = send(delivery)
    note(delivery, outcome)
    return outcome


def body_of(notice: Notice) -> bytes:
    """The message: `type`, `timestamp` of the event, `data`. The same bytes at every attempt."""
    at = notice.created_at.astimezone(UTC).isoformat(timespec="milliseconds")
    message = {
        "type": notice.event,
        "timestamp": at,
        "data": {"organization": str(notice.organization_id), **notice.data},
    }
    return json.dumps(message, sort_keys=True, separators=(",", ":")).encode()


def send(delivery: WebhookDelivery) -> Outcome:
    """One attempt, through the guarded way out. Nothing of the answer is kept but its status."""
    began, body = time.monotonic(), body_of(delivery.notice)
    try:
        known = secrets_of(delivery.webhook)
    except Unsealable:
        return Outcome(None, "secrets_unreadable", 0, down=True)
    headers = {"Content-Type": "application/json", "User-Agent": "Bot-Accounts-Webhook/1"} | signature.signed_headers(
        known, message_id=str(delivery.notice_id), timestamp=int(database_now().timestamp()), body=body
    )
    try:
        with guarded_session(deadline=CALL_SECONDS, max_bytes=ANSWER_BYTES) as session:
            answer = session.post(delivery.webhook.url, data=body, headers=headers)
    except requests.RequestException as failure:
        return Outcome(None, str(getattr(failure, "code", "network")), spent(began), down=True)
    return judged(answer.status_code, spent(began), retry_after=seconds(answer.headers.get("Retry-After", "")))


def secrets_of(webhook: Webhook) -> list[str]:
    """The secret, and the one before it for a day after it was replaced. Raises `Unsealable` for the former only."""
    known = [str(webhook.unseal("secret"))]
    if webhooks.signed_twice_until(webhook):
        with suppress(Unsealable):
            known.append(str(webhook.unseal("previous_secret")))
    return known


def judged(status: int, milliseconds: int, *, retry_after: float | None) -> Outcome:
    """2xx is delivered, whatever it says. 410 wants no more of it. Redirects are not followed: they are failures."""
    if 200 <= status < 300:
        return Outcome(status, "", milliseconds)
    return Outcome(
        status,
        "gone" if status == GONE else "http_error",
        milliseconds,
        final=status == GONE,
        down=status == 429 or status >= 500,
        retry_after=retry_after,
    )


def seconds(text: str) -> float | None:
    """`Retry-After` in seconds (RFC 9110 §10.2.3); a date is left aside."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def spent(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def note(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Write down what came of it, and when it is tried again."""
    now, attempts = database_now(), delivery.attempts + 1
    again = None
    if outcome.error and not outcome.final:
        again = backoff.next_try(now, attempts, since=delivery.created_at, retry_after=outcome.retry_after)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        attempts=attempts,
        status=outcome.status,
        error=outcome.error,
        milliseconds=outcome.milliseconds,
        due_at=again,
        delivered_at=None if outcome.error else now,
    )
    webhook = delivery.webhook
    if outcome.down:
        # By the address's own count: a fresh message must not make an address that is down be asked more often.
        until = backoff.next_try(now, webhook.failures + 1, since=now, retry_after=outcome.retry_after)
        Webhook.objects.filter(pk=webhook.pk).update(failures=F("failures") + 1, blocked_until=until)
    elif webhook.failures:
        Webhook.objects.filter(pk=webhook.pk).update(failures=0, blocked_until=None)
