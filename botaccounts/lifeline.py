"""A child process that ends with its parent, so that not even kill -9 of a parent leaves one behind."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Looked up before the fork: a child between fork and exec should only make the call.
_prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)


def die_with_parent(number: signal.Signals, parent: int | None = None) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child `number` when the thread that started it ends (Linux; else no effect).

    `parent` is the process id that the child expects to have, this process by default. The setting survives exec but
    not fork, so each generation asks for itself.
    """
    expected = parent or os.getpid()

    def ask() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != expected:  # it ended between the fork and the call
            os.kill(os.getpid(), number)

    return ask
