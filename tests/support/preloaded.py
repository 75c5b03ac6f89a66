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
            [sys.executable, "-m", "tests.support.preloader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
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
