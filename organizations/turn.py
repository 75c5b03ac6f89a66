"""Whose turn it is to write, among the processes that share one SQLite file.

SQLite lets one write at a time; whoever finds it busy sleeps and looks again, longer each time: of two busy processes
one can starve. Those who append to the log wait for a lock of the operating system instead, which wakes the next one at
once, and so do the workers who renew many tokens. Other writers need not know of it. PostgreSQL has a queue of its own.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

SUFFIX = "-turn"


@contextmanager
def in_turn() -> Iterator[None]:
    """Hold the turn of this database; nothing where it is no SQLite file."""
    path = Path(str(connection.settings_dict["NAME"])) if connection.vendor == "sqlite" else None
    if path is None or not path.is_file():
        yield
        return
    # A file of each holder's own, because the lock belongs to the open file. Closing it gives the turn away.
    with path.with_name(path.name + SUFFIX).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
