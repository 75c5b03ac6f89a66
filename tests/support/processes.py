"""Real processes for tests: started in a group of their own, waited for by a condition, stopped by their id."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from botaccounts.lifeline import die_with_parent

_dice = random.SystemRandom()
ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at this moment.

    Below those that systems give to outgoing connections, any of which could take it before the server does. By chance,
    since others look for one too.
    """
    while True:
        port = _dice.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Ask `condition` every 50 ms until it holds; AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


def answers(url: str, status: int = 200) -> bool:
    """Whether `url` answers with `status` right now. It is asked often, so by little more than a socket."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == status
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def look_for_program(name: str, *folders: str) -> str:
    """Path of a program, from PATH or one of the glob patterns `folders` (newest last); "" where there is none."""
    if found := shutil.which(name):
        return found
    for pattern in folders:
        candidates = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"))
        if candidates:
            return str(candidates[-1])
    return ""


def find_program(name: str, *folders: str) -> str:
    """As `look_for_program`; where there is none the test is skipped with the reason.

    It fails if REQUIRE_EVERYTHING is set.
    """
    if found := look_for_program(name, *folders):
        return found
    reason = f"{name} is not installed"
    if os.environ.get("REQUIRE_EVERYTHING"):
        pytest.fail(f"{reason}, and REQUIRE_EVERYTHING allows no skip", pytrace=False)
    pytest.skip(reason)


class Process(Protocol):
    """What is asked of a process that was started: `subprocess.Popen`, or a fork of one that was there."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int: ...


Start = Callable[[Sequence[str], Mapping[str, str], Path, Path], Process]


def executed(command: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a command in a session of its own, with what it says at the end of `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )


class Server:
    """One process, its log file, and how to start and end it again. The group takes its children along."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        is_ready: Callable[["Server"], bool] = lambda server: True,
        seconds: float = 60,
        start: Start = executed,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(os.environ if env is None else env)
        self.cwd = cwd
        self._is_ready = is_ready
        self._seconds = seconds
        self._start = start
        self._process: Process | None = None
        self.log_offset = 0

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "Server":
        """Start and wait until it is ready; the tail of its log is in the error when it is not."""
        return self.launch().wait_until_ready()

    def launch(self) -> "Server":
        """Start, and leave the waiting for later: several become ready side by side."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log_offset = self.log.stat().st_size if self.log.exists() else 0
        self._process = self._start(self.command, self.env, self.cwd, self.log)
        return self

    def wait_until_ready(self) -> "Server":
        """AssertionError with the tail of the log when it ends instead, or takes too long."""
        try:
            wait_until(self._ready_or_dead, seconds=self._seconds, what=f"{self.name} becoming ready")
            assert self._process is not None
            assert self.is_running, f"{self.name} ended with {self._process.returncode}"
        except AssertionError as failure:
            self.kill()
            raise AssertionError(f"{failure}\n{self.text()[-4000:]}") from failure
        return self

    def _ready_or_dead(self) -> bool:
        return not self.is_running or self._is_ready(self)

    def text(self) -> str:
        """Everything it ever wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def text_since_start(self) -> str:
        """What it wrote since its latest start."""
        return self.log.read_bytes()[self.log_offset :].decode(errors="replace")

    def ask_to_end(self) -> None:
        """SIGTERM, and leave the waiting for later: several end side by side."""
        if self.is_running:
            self._signal(signal.SIGTERM)

    def stop(self, seconds: float = 15) -> None:
        """End it politely, and with SIGKILL after `seconds`."""
        self.ask_to_end()
        self.wait_until_ended(seconds)

    def wait_until_ended(self, seconds: float = 15) -> None:
        """With SIGKILL after `seconds`."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def interrupt(self, number: signal.Signals, seconds: float = 15) -> None:
        """Send it a signal that ends it, and wait for that."""
        assert self._process is not None
        self._signal(number)
        self._process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL it and all its children, at once."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(10)

    def restart(self) -> "Server":
        self.stop()
        return self.start()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
