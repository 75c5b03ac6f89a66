"""A clock that can be set wrong while a process runs: `CHAOS_CLOCK` names a file with the seconds that it is ahead.

Bends what Python and Django tell the time by: `time.time` and `django.utils.timezone.now`. The monotonic clock, like
that of a real machine whose time is set, goes on undisturbed.
"""

import mmap
import os
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path

VARIABLE = "CHAOS_CLOCK"
_SECONDS = struct.Struct("d")


def wind(path: Path, seconds: float) -> None:
    """Set the clock of the process that looks at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(_SECONDS.pack(0.0))
    with path.open("r+b") as file:
        file.write(_SECONDS.pack(seconds))


def bend() -> None:
    """From now on this process believes the file."""
    with Path(os.environ[VARIABLE]).open("r+b") as file:
        shown = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)

    def ahead() -> float:
        return float(_SECONDS.unpack(shown[: _SECONDS.size])[0])

    from django.utils import timezone

    right_time, right_now = time.time, timezone.now

    def bent_time() -> float:
        return right_time() + ahead()

    def bent_now() -> datetime:
        return right_now() + timedelta(seconds=ahead())

    time.time = bent_time
    timezone.now = bent_now
