"""Whose turn it is to write, among the processes that share one SQLite file.

SQLite lets one write at a time; whoever finds it busy sleeps and looks again, longer each time: of two busy processes
one can starve. Those who append to the log wait for a lock of the operating system instead, which wakes the next one at
once, and so do the workers who renew many tokens. Other writers need not know of it. PostgreSQL has a queue of its own.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

SUFFIX = "-turn"


@contextmanager
def in_turn() -> Iterator[None]:
    """Hold the turn of this database; nothing where it is no SQLite file."""
    database = connections[DEFAULT_DB_ALIAS]
    name = str(database.settings_dict["NAME"])
    if database.vendor != "sqlite" or not os.path.isfile(name):  # noqa: PTH113 - at each use of a credential
        yield
        return
    # A file of each holder's own, because the lock belongs to the open file. Closing it gives the turn away.
    lock = os.open(name + SUFFIX, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
