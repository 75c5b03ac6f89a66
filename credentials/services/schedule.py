"""When a token is renewed, and when a failed renewal is tried again. Pure: seconds and moments in, moments out."""

import random
from datetime import datetime, timedelta

EARLY = 0.2  # of the lifetime
EARLY_AT_MOST = 300.0  # seconds
JITTER = 0.25  # of the margin: tokens that were issued together are not renewed together
FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 900.0  # seconds
# Spreads the retries and the renewals; nothing secret hangs on it.
_dice = random.SystemRandom()


def refresh_moment(obtained: datetime, lifetime: float) -> datetime:
    """A fifth of the lifetime before the end, five minutes at most, and somewhat earlier by chance."""
    margin = min(lifetime * EARLY, EARLY_AT_MOST)
    margin += margin * JITTER * _dice.random()
    return obtained + timedelta(seconds=max(0.0, lifetime - margin))


def retry_moment(now: datetime, failures: int, retry_after: float | None) -> datetime:
    """Exponential with jitter and a cap; never before the provider's `Retry-After` (RFC 9110 §10.2.3)."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 16))
    wait *= 1 - JITTER * _dice.random()
    return now + timedelta(seconds=max(wait, retry_after or 0.0))
