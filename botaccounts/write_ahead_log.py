"""SQLite: one connection of a long-lived process stays open, so that no request's is the last.

Django closes a request's connection with the request. Where no other is open, SQLite then copies the write-ahead log
into the database, syncs that and deletes the log, and the next request makes a new one: more work than the request
itself (https://www.sqlite.org/wal.html#automatic_checkpoint). The open one is in no transaction and keeps nobody from
anything; the log is copied by whoever writes its thousandth page, and when the processes have ended.
"""

import contextlib
import os
import sqlite3
import threading
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

_lock = threading.Lock()
_held: dict[tuple[int, str], sqlite3.Connection] = {}


def keep_open() -> None:
    """From the first connection that this process makes."""
    connection_created.connect(_hold, dispatch_uid=__name__)


def _hold(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor != "sqlite":
        return
    # By process: one that a fork inherited is its parent's, and is neither used nor closed here.
    key = (os.getpid(), str(connection.settings_dict["NAME"]))
    with _lock:
        if key in _held:
            return
        with contextlib.suppress(sqlite3.Error):  # then it is as it was; the request says itself what is wrong
            held = sqlite3.connect(key[1], isolation_level=None, check_same_thread=False)
            held.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # reads the log from now on
            _held[key] = held
