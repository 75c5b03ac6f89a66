"""When a token is renewed, and when a failed renewal is tried again. Pure: seconds and moments in, moments out."""

import random
from datetime import datetime, timedelta

EARLY = 0.2  # of the lifetime
EARLY_AT_MOST = 300.0  # seconds
JITTER = 0.25  # of the margin: tokens that were issued together are not renewed together
FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 900.0  # seconds
FIRST_PROBE = 10.0  # seconds
LONGEST_PROBE = 120.0  # seconds: the first to call after an outage is not long in coming
DRAINED_PER_SECOND = 20.0
SHORTEST_DRAIN, LONGEST_DRAIN = 5.0, 300.0  # seconds
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


def probe_moment(now: datetime, probes: int, retry_after: float | None) -> datetime:
    """When the next request may try whether a provider is back; never before its `Retry-After`."""
    wait = min(LONGEST_PROBE, FIRST_PROBE * 2 ** min(probes, 16))
    wait *= 1 - JITTER * _dice.random()
    return now + timedelta(seconds=max(wait, retry_after or 0.0))


def drain_seconds(tokens: int) -> float:
    """Over how long the tokens that waited for a provider are spread when it is back."""
    return min(LONGEST_DRAIN, max(SHORTEST_DRAIN, tokens / DRAINED_PER_SECOND))
