"""Who holds a lease: a process of a house begins the random name of its leases with its process id.

So a round knows which leases are a dead process's, and lets their time pass at once. The product reads nothing into
these names.
"""

import os
import secrets
from pathlib import Path

BYTES = 16  # of a lease's name
_PID_DIGITS = 8


def sign() -> None:
    """From now on the names that this process makes say whose they are."""
    random = secrets.token_hex

    def signed(nbytes: int | None = None) -> str:
        name = random(nbytes)
        return f"{os.getpid():0{_PID_DIGITS}x}{name[_PID_DIGITS:]}" if nbytes == BYTES else name

    secrets.token_hex = signed


def holder(name: str) -> int:
    """The process id in a lease's name."""
    return int(name[:_PID_DIGITS], 16)


def lives(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def group_of(pid: int) -> int:
    """The process group, which is named by the process that was started for it; 0 where there is none."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
