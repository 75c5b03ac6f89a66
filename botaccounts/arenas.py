"""Let the threads of a process share what they take of memory.

The C library of Linux (glibc) gives threads arenas of their own, up to eight for each core. What a page has once needed
stays in the arena of its thread, so that a web process comes to keep it several times over (`docs/performance.md`). The
threads of one interpreter run one at a time: they hardly ever want memory at once.
"""

import ctypes
import os

M_ARENA_MAX = -8  # malloc.h
SHARED = 2


def share() -> bool:
    """Before threads are started. False where the system has no arenas, or whoever runs us has said how many."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, SHARED))
    except (OSError, AttributeError):
        return False
