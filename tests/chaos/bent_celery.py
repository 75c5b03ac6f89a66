"""The product's Celery application in a process whose clock can be wrong: `celery -A tests.chaos.bent_celery`."""

from tests.chaos.clock import bend
from tests.chaos.disk import obey
from tests.chaos.holders import sign

bend()
sign()
obey()

from botaccounts.celery import app  # noqa: E402 - everything after this reads the bent clock

__all__ = ["app"]
