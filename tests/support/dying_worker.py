"""A Celery worker that kills itself (SIGKILL) at a chosen point of a token request.

`python -m tests.support.dying_worker --at POINT`, then Celery's options. The points are calls of functions by
their names; the product knows nothing of it.
"""

import argparse
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

# Point -> (module, function or Class.method, whether it runs before the end comes).
POINTS = {
    "before the refresh is sent": ("credentials.services.refresh", "CredentialRenewal.request", False),
    "before the code is sent": ("credentials.services.exchange", "ask", False),
    # The provider has answered, so it has rotated; the product knows nothing of it.
    "before the answer is stored": ("credentials.services.journal", "keep_answer", False),
    "after the answer was stored": ("credentials.services.journal", "keep_answer", True),
    "before the swap": ("credentials.services.journal", "apply", False),
    "in the transaction of the swap": ("credentials.services.journal", "close", True),
    "after the swap": ("credentials.services.journal", "apply", True),
}


def deadly(function: Callable[..., Any], *, runs: bool) -> Callable[..., Any]:
    """`function`, and then or instead the end of this process."""

    @functools.wraps(function)
    def ends(*args: Any, **kwargs: Any) -> None:
        if runs:
            function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", required=True, choices=POINTS)
    options, celery_options = parser.parse_known_args()
    from botaccounts.celery import app

    app.set_current()
    import django

    django.setup()
    module_name, name, runs = POINTS[options.at]
    *owners, name = name.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module_name))
    setattr(owner, name, deadly(getattr(owner, name), runs=runs))
    app.worker_main(celery_options)


if __name__ == "__main__":
    sys.exit(main())
