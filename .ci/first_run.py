"""Start the product as a newcomer does: `make run` in a clean checkout, which installs what it needs.

Ends with 0 once it was ready, answered, and ended by SIGTERM; says how many seconds each took. Its data is in a scratch
folder, its ports are free ones, nothing of the environment configures it, and the `.env` that it makes goes with it. A
checkout with a `.env` is somebody's own: nothing is started there.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.environment import scratch_environment  # noqa: E402 - it is not installed

HOST = "127.0.0.1"
PORTS = range(18_790, 19_790)  # below those that systems give to outgoing connections
READY = "Bot Accounts is ready"
# For giving up on it, not for how fast it should be.
INSTALLED_AND_READY_SECONDS, ANSWERS_SECONDS, ENDS_SECONDS = 900, 30, 60


class Failed(Exception):
    """The message says what did not happen."""


def main() -> int:
    if (ROOT / ".env").exists():
        say("make run: not tried, for this checkout has a .env of its own")
        return 0
    # A job that is cancelled takes the product along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="botaccounts-first-run-", ignore_cleanup_errors=True) as scratch:
        log = Path(scratch) / "log"
        try:
            run(Path(scratch), log)
        except Failed as reason:
            say(f"make run: {reason}\n{log.read_text(errors='replace')[-4000:]}")
            return 1
        finally:
            (ROOT / ".env").unlink(missing_ok=True)
    return 0


def run(scratch: Path, log: Path) -> None:
    port, sandbox_port = islice(filter(free, PORTS), 2)
    chosen = {"HOST": HOST, "PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "VAR_DIR": str(scratch / "var")}
    started = time.monotonic()
    with log.open("wb") as output:
        product = subprocess.Popen(
            ["make", "run"],  # noqa: S607 - the command of the README
            cwd=ROOT,
            env=scratch_environment(**chosen),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait(lambda: ended(product) or READY in log.read_text(errors="replace"), INSTALLED_AND_READY_SECONDS, "ready")
        ready = time.monotonic()
        wait(lambda: ended(product) or answers(port), ANSWERS_SECONDS, "answering")
        if ended(product):
            raise Failed(f"it ended by itself, with {product.returncode}")
        product.terminate()
        told = time.monotonic()
        wait(lambda: ended(product), ENDS_SECONDS, "ended after SIGTERM")
        say(f"make run: ready after {ready - started:.0f} s, ended {time.monotonic() - told:.0f} s after SIGTERM")
    finally:
        if not ended(product):
            os.killpg(product.pid, signal.SIGKILL)
            product.wait()


def ended(product: "subprocess.Popen[bytes]") -> bool:
    return product.poll() is not None


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"it was not {what} within {seconds} seconds")
        time.sleep(0.2)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
