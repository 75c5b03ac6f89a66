"""What the queue wakes. An id in, a service called: a lost, late or repeated message changes nothing."""

from uuid import UUID

from celery import shared_task

from credentials.services import challenge_exchange, consumers, deliveries, drain, exchange, mails, refresh, sweep
from organizations.audit import Actor


@shared_task(name="credentials.tasks.exchange_code")
def exchange_code(authorization_id: str) -> None:
    exchange.exchange(UUID(authorization_id))


@shared_task(name="credentials.tasks.take_up_exchange")
def take_up_exchange(authorization_id: str) -> None:
    exchange.take_up(UUID(authorization_id))


@shared_task(name="credentials.tasks.refresh_token")
def refresh_token(credential_id: str) -> None:
    refresh.refresh(UUID(credential_id), actor=Actor.worker())


@shared_task(name="credentials.tasks.renew_due")
def renew_due() -> None:
    drain.work(actor=Actor.worker())


@shared_task(name="credentials.tasks.refresh_consumer_token")
def refresh_consumer_token(token_id: str) -> None:
    consumers.refresh(UUID(token_id), actor=Actor.worker())


@shared_task(name="credentials.tasks.exchange_challenge")
def exchange_challenge(challenge_id: str) -> None:
    challenge_exchange.exchange(UUID(challenge_id))


@shared_task(name="credentials.tasks.deliver_to_webhook")
def deliver_to_webhook(webhook_id: str) -> None:
    deliveries.deliver(UUID(webhook_id))


@shared_task(name="credentials.tasks.send_mail")
def send_mail(mail_id: str) -> None:
    mails.send(UUID(mail_id))


@shared_task(name="credentials.tasks.sweep")
def sweep_all() -> None:
    # First what consumers wait for; tidying can be made up for later.
    sweep.spread(sweep.find())
    sweep.tidy()
