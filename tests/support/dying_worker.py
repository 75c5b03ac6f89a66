"""A Celery worker that kills itself (SIGKILL) at a chosen point of a token request.

    workers = Errands(product.env, PREPARE, RUN)
    workers.run("before the swap")            # the exit code that a worker came to

Each is a process of its own, forked from one that has loaded the product, since loading takes longer than dying. The
points are calls of functions by their names; the product knows nothing of it.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

# Point -> (module, function or Class.method, whether it runs before the end comes).
POINTS = {
    # The lease, or the exchange, is claimed, and nothing says that a request is about to be sent.
    "before the attempt is noted": ("credentials.services.journal", "begin", False),
    "before the refresh is sent": ("credentials.services.refresh", "CredentialRenewal.request", False),
    "before the code is sent": ("credentials.services.exchange", "ask", False),
    # The provider has answered, so it has rotated; the product knows nothing of it.
    "before the answer is stored": ("credentials.services.journal", "keep_answer", False),
    "after the answer was stored": ("credentials.services.journal", "keep_answer", True),
    "before the swap": ("credentials.services.journal", "apply", False),
    "in the transaction of the swap": ("credentials.services.swapping", "close_all", True),
    "after the swap": ("credentials.services.journal", "apply", True),
}
PREPARE, RUN = "from tests.support import dying_worker; dying_worker.load()", "print(dying_worker.die(errand))"
_OPTIONS = ["worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
SECONDS = 60


def load() -> None:
    from botaccounts.celery import app

    app.set_current()
    import django

    django.setup()
    app.loader.import_default_modules()


def die(point: str) -> int:
    """Let a worker take what waits in the queue, and return the exit code that it came to."""
    worker = os.fork()
    if worker == 0:
        try:
            _work(point)
        finally:
            os._exit(1)
    _, status = os.waitpid(worker, 0)
    return os.waitstatus_to_exitcode(status)


def _work(point: str) -> None:
    from botaccounts.celery import app

    signal.alarm(SECONDS)  # a worker that survives its point ends all the same, but by another signal
    os.dup2(sys.__stderr__.fileno(), sys.__stdout__.fileno())  # type: ignore[union-attr] # errands are answered there
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # type: ignore[assignment]
    module_name, name, runs = POINTS[point]
    *owners, name = name.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module_name))
    setattr(owner, name, deadly(getattr(owner, name), runs=runs))
    app.worker_main(_OPTIONS)


def deadly(function: Callable[..., Any], *, runs: bool) -> Callable[..., Any]:
    """`function`, and then or instead the end of this process."""

    @functools.wraps(function)
    def ends(*args: Any, **kwargs: Any) -> None:
        if runs:
            function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    return ends
