"""A database that is away for a moment (a restart, a failover) is asked again, for what must not be lost with it."""

import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0  # seconds between the tries


def insist(write: Callable[[], object], *, until: float) -> None:
    """Run `write`, again and again `until` then (`time.monotonic()`) while the database is away.

    Raises what the last try raised. Once only inside a transaction, which is lost with its connection.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() + pause >= until:
                raise
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            connection.close_if_unusable_or_obsolete()  # it is opened anew
        else:
            return
