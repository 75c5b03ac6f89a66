"""Python that runs in forks of one that has loaded the libraries: of the two seconds that a start takes, one is left.

What is ours, and what of Django is made by its settings, each process loads by itself, in an environment of its own.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from tests.support.processes import ROOT

LIBRARIES = (
    *(
        "celery.app.base",
        "celery.bin.celery",
        "celery.bin.worker",
        "celery.worker",
        "celery.apps.worker",
        "celery.beat",
    ),
    *("kombu.transport.redis", "kombu.transport.filesystem", "redis", "environ", "psycopg", "psycopg_pool", "sqlparse"),
    *("requests_oauthlib", "jwcrypto.jwt", "cryptography.x509", "cryptography.hazmat.primitives.serialization.pkcs12"),
    *("cryptography.hazmat.primitives.ciphers.aead", "pydantic", "yaml", "prometheus_client", "segno", "certifi"),
    *("django.core.management", "django.core.handlers.wsgi", "django.db.models", "django.db.migrations.executor"),
    *("django.db.backends.sqlite3.base", "django.forms", "django.template.defaultfilters", "django.views.generic"),
    *("django.contrib.staticfiles.finders", "django.contrib.admin.utils", "django.core.mail", "django.urls"),
    *("crispy_forms.helper", "whitenoise.base", "django.test.client", "django.test.signals"),
)
_PARENT = """
import gc, importlib, json, os, signal, sys
for library in json.loads(sys.argv[1]):
    importlib.import_module(library)
from django.conf import settings
assert not settings.configured
gc.collect()
gc.freeze()

def begin(order):
    for number in range(3):
        os.dup2(os.open(order["streams"][number], [os.O_RDONLY, os.O_WRONLY | os.O_APPEND][number > 0]), number)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    first, *rest = order["arguments"]
    sys.argv = rest if first == "-m" else [first, *rest[first == "-c":]]
    from botaccounts.lifeline import die_with_parent
    die_with_parent(signal.SIGTERM, order["parent"])()
    return first, rest

for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, int):
        pid, status = os.waitpid(asked, os.WNOHANG)
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    asked["parent"] = os.getpid()
    pid = os.fork()
    # Whoever of the two comes first: a signal to the group must not come too early.
    os.setpgid(pid, pid)
    if not pid:
        break
    print(pid, flush=True)
else:
    os._exit(0)
import runpy
first, rest = begin(asked)
if first == "-c":
    exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
elif first == "-m":
    runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(first, run_name="__main__")
"""


class Forked:
    """A process as `subprocess.Popen` has it, with its id, whether it has ended, and how."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _parent.ask(self.pid)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL this one process."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([], timeout)
            time.sleep(0.01)
        return code


class _Parent:
    """The process that is forked, and waits for its forks."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    @cached_property
    def _process(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", _PARENT, json.dumps(LIBRARIES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            text=True,
        )
        atexit.register(process.kill)
        return process

    def ask(self, what: object) -> int | None:
        with self._one_at_a_time:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "The process that is forked has ended."
        number: int | None = json.loads(answer)
        return number


_parent = _Parent()


def begun(arguments: Sequence[str], env: Mapping[str, str], streams: Sequence[Path | str], cwd: Path = ROOT) -> Forked:
    """A fork that does what `python ARGUMENTS` does, in a group of its own.

    `streams` are the files of its standard input, output and errors; it writes at their ends.
    """
    order = {"arguments": list(arguments), "env": dict(env), "cwd": str(cwd), "streams": list(map(str, streams))}
    pid = _parent.ask(order)
    assert pid is not None
    return Forked(pid)


def start(command: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> Forked:
    """In the place of `processes.executed`, for `[sys.executable, …]`."""
    log.touch()
    return begun(command[1:], env, [os.devnull, log, log], cwd)


def run(arguments: Sequence[str], env: Mapping[str, str], seconds: float = 120) -> "subprocess.CompletedProcess[str]":
    """As `subprocess.run([sys.executable, *arguments], env=env)` in the project's folder, with what it printed."""
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        code = begun(arguments, env, [os.devnull, out.name, err.name]).wait(seconds)
        return subprocess.CompletedProcess([sys.executable, *arguments], code, out.read(), err.read())
