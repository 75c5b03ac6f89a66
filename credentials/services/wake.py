"""Wake a worker. The queue is a hint: what a lost message would have done, the next sweep finds in the database."""

import logging
from uuid import UUID

from celery import current_app
from kombu.exceptions import KombuError

logger = logging.getLogger(__name__)
# Seconds. Longer than it seems: a worker's clock may be five minutes fast.
MESSAGE_LIVES = 360.0


def exchange(authorization_id: UUID) -> None:
    """A code is waiting to be exchanged."""
    _send("credentials.tasks.exchange_code", authorization_id)


def take_up(authorization_id: UUID) -> None:
    """An exchange was interrupted."""
    _send("credentials.tasks.take_up_exchange", authorization_id)


def refresh(credential_id: UUID) -> None:
    """A token is due."""
    _send("credentials.tasks.refresh_token", credential_id)


def renew_due(times: int) -> None:
    """More is due than is worth a message each: workers take it from the database. A message that waited is dropped."""
    for _ in range(times):
        if not _send("credentials.tasks.renew_due", expires=MESSAGE_LIVES):
            return


def refresh_consumer(token_id: UUID) -> None:
    """The renewal of a consumer's token was interrupted."""
    _send("credentials.tasks.refresh_consumer_token", token_id)


def challenge(challenge_id: UUID) -> None:
    """A consumer's code is waiting to be exchanged."""
    _send("credentials.tasks.exchange_challenge", challenge_id)


def deliver(webhook_id: UUID) -> None:
    """A webhook has a message."""
    _send("credentials.tasks.deliver_to_webhook", webhook_id)


def send_mail(mail_id: UUID) -> None:
    """A mail is to be sent."""
    _send("credentials.tasks.send_mail", mail_id)


def _send(task: str, *row_ids: UUID, expires: float | None = None) -> bool:
    """False where the queue is down."""
    try:
        current_app.send_task(task, args=[str(row_id) for row_id in row_ids], ignore_result=True, expires=expires)
    except (KombuError, OSError) as error:
        logger.warning("The queue is not reachable (%s); the next sweep does %s.", type(error).__name__, task)
        return False
    return True
