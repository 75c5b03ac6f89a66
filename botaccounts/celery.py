"""The Celery application. A task carries ids only; the database sweep finds what a lost message left behind."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")
# Celery would run all of Django's checks and ignore what they find. They load every page and the API, which neither a
# worker nor beat serves; what must be right is checked below.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

logger = logging.getLogger(__name__)

# Under kombu's own names, by which it tells a connection with TLS from one without.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "botaccounts.redis_broker:Transport"))

app = Celery("botaccounts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def tell_the_workshop(sender: Any = None, **_: object) -> None:
    """How many threads there are, by the setting or by the command line."""
    from credentials.services import drain

    drain.set_threads(int(sender.concurrency))


@worker_ready.connect
def make_the_most_of_threads(sender: Any = None, **_: object) -> None:
    """Where the pool is one of threads, a message wakes all of them, and they take turns on one core."""
    from django.conf import settings

    from botaccounts import one_core
    from credentials.services import drain

    executor = getattr(sender.pool, "executor", None)
    if executor is None:
        return
    drain.set_threads(int(sender.pool.limit), executor.submit)
    if settings.WORKER_ON_ONE_CORE:
        one_core.settle()


@worker_init.connect
@beat_init.connect
def refuse_to_start_when_misconfigured(**_: object) -> None:
    """Celery logs an exception of a signal's receiver and goes on; only an exit stops it."""
    from django.core.exceptions import ImproperlyConfigured

    from credentials import checks

    try:
        checks.refuse_to_start_when_misconfigured()
    except ImproperlyConfigured as reason:
        raise SystemExit(str(reason)) from None


@worker_init.connect
def take_up_what_a_missing_key_ended(**_: object) -> None:
    """A key that was missing comes back with a start. Without a database the next start does it."""
    from django.db import DatabaseError, connection

    from credentials.services import revive

    try:
        revived = revive.with_the_keys_that_are_back()
    except DatabaseError:
        return
    finally:
        connection.close()
    if revived:
        logger.info("Tokens that are renewed again because the key of their secrets is back: %s", revived)
