"""The process that `tests.support.preloaded` forks: it has loaded the libraries, and nothing that depends on settings.

A line of its input is an order, answered by the id of a new fork, or such an id, answered by the fork's exit code (null
while it runs).
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

from django.conf import settings

# By its path: its package would load the product's Celery application.
die_with_parent = runpy.run_path("botaccounts/lifeline.py")["die_with_parent"]
LIBRARIES = (
    *("celery.app.base", "celery.apps.worker", "celery.beat", "celery.bin.celery", "celery.bin.worker"),
    *("celery.worker", "kombu.transport.filesystem", "kombu.transport.redis", "psycopg", "psycopg_pool"),
    *("redis", "sqlparse", "yaml", "certifi", "cryptography.hazmat.primitives.ciphers.aead"),
    *("cryptography.hazmat.primitives.serialization.pkcs12", "cryptography.x509", "jwcrypto.jwt"),
    *("requests_oauthlib", "crispy_forms.helper", "environ", "prometheus_client", "pydantic", "segno"),
    *("whitenoise.base", "django.contrib.admin.utils", "django.contrib.staticfiles.finders"),
    *("django.core.handlers.wsgi", "django.core.mail", "django.core.management"),
    *("django.db.backends.sqlite3.base", "django.db.migrations.executor", "django.db.models", "django.forms"),
    *("django.template.defaultfilters", "django.test.client", "django.test.signals", "django.urls"),
    "django.views.generic",
)


def orders() -> dict[str, Any] | None:
    """Fork for each order, and return it in the fork. None at the end of the input."""
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            pid, status = os.waitpid(asked, os.WNOHANG)
            sys.stdout.write(f"{json.dumps(os.waitstatus_to_exitcode(status) if pid else None)}\n")
            continue
        parent = os.getpid()
        pid = os.fork()
        # By whoever of the two comes first: a signal to the group must not come too early.
        os.setpgid(pid, pid)
        if not pid:
            return {**asked, "parent": parent}
        sys.stdout.write(f"{pid}\n")
    return None


def carry_out(order: dict[str, Any]) -> None:
    """Be `python ARGUMENTS` in its environment."""
    for number, path in enumerate(order["streams"]):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY), number)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    die_with_parent(signal.SIGTERM, order["parent"])()
    first, *rest = order["arguments"]
    sys.argv = rest if first == "-m" else [first, *rest[first == "-c" :]]
    if first == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's own words
    else:
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    assert not settings.configured
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    gc.collect()
    gc.freeze()
    if order := orders():
        carry_out(order)
