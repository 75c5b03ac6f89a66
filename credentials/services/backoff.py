"""When a message that did not arrive is sent again, and when it is given up. Pure: moments in, moments out."""

import random
from datetime import datetime, timedelta

KEPT_TRYING = timedelta(hours=24)
FIRST_WAIT = 10.0  # seconds
LONGEST_WAIT = 7200.0  # seconds
JITTER = 0.2
# Spreads the retries; nothing secret hangs on it.
_dice = random.SystemRandom()


def next_try(now: datetime, attempts: int, *, since: datetime, retry_after: float | None = None) -> datetime | None:
    """Exponential with jitter and a cap, never before `Retry-After`; None once 24 hours have gone by since `since`."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 16)) * (1 - JITTER * _dice.random())
    moment = now + timedelta(seconds=max(wait, min(retry_after or 0.0, LONGEST_WAIT)))
    return moment if moment <= since + KEPT_TRYING else None
