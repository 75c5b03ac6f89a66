"""Start the product as a newcomer does: `make run` in a clean checkout, which installs what it needs.

Ends with 0 once it is ready, answers and has ended again by SIGTERM, and says how many seconds each took. Its data is
in a scratch folder, its ports are free ones, and a `.env` that it made goes with it.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
READY = "Bot Accounts is ready"
# After that nobody waits any more; how fast it should be is in the README.
GIVE_UP_SECONDS = 900


def main() -> int:
    made_here = not (ROOT / ".env").exists()
    with tempfile.TemporaryDirectory(prefix="botaccounts-first-run-") as scratch:
        try:
            return run(Path(scratch), free_port())
        finally:
            if made_here:
                (ROOT / ".env").unlink(missing_ok=True)


def run(scratch: Path, port: int) -> int:
    log = scratch / "log"
    started = time.monotonic()
    with log.open("wb") as output:
        product = subprocess.Popen(
            ["make", "run"],  # noqa: S607 - the command of the README
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "VAR_DIR": str(scratch / "var")},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if not wait(lambda: READY in log.read_text(errors="replace") or product.poll() is not None):
            return failed("it was not ready in time", log)
        if product.poll() is not None:
            return failed(f"it ended with {product.returncode}", log)
        ready = time.monotonic()
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=30) as answer:
            answer.read()
        product.terminate()
        product.wait(60)
        ended = time.monotonic()
    finally:
        if product.poll() is None:
            os.killpg(product.pid, signal.SIGKILL)
    say(f"make run: ready after {ready - started:.0f} s, ended {ended - ready:.0f} s after SIGTERM")
    return 0


def wait(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def failed(why: str, log: Path) -> int:
    say(f"make run: {why}\n{log.read_text(errors='replace')[-4000:]}")
    return 1


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
