"""`make run`. Keys are made once and kept in `.env`, data in `var/`; a second start finds both.

Variables of the environment win over `.env`. `HOST`, `PORT` and `SANDBOX_PORT` choose where to listen; everything else
is in `docs/operations.md`.
"""

import fcntl
import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import environ

from botaccounts.embedded import CannotStartError
from botaccounts.embedded.dotenv import add_missing_secrets
from botaccounts.embedded.place import Place, choose_place, defaults
from botaccounts.embedded.ready import announce_when_ready
from botaccounts.embedded.supervisor import Supervisor
from botaccounts.lifeline import die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Prepare, start, announce, wait. 0 after Ctrl-C or SIGTERM, 1 when something is in the way or a process ended."""
    os.umask(stat.S_IRWXG | stat.S_IRWXO)
    os.chdir(ROOT)
    if "MAKELEVEL" in os.environ:
        # A kill -9 of make must not leave us running; whoever starts us without make may well go away.
        die_with_parent(signal.SIGTERM, parent=os.getppid())()
    try:
        environ.Env.read_env(ROOT / ".env")
        var = Path(os.environ.get("VAR_DIR") or ROOT / "var")
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _only_one(var)
        add_missing_secrets(ROOT / ".env", var / "botaccounts.sqlite3")
        place = choose_place(os.environ)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")
        chosen = defaults(place, os.environ)
        os.environ.update(chosen)
        # For `manage.py` in another terminal; the settings read it.
        running = var / "running.env"
        running.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
        demo = _prepare()
    except CannotStartError as reason:
        sys.stderr.write(f"Bot Accounts cannot start: {reason}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    with lock:
        supervisor = Supervisor(
            announce=lambda ending: announce_when_ready(place, os.environ["PUBLIC_URL"], demo, ending),
            # A refresh that was sent must be waited for: the new tokens are in its answer, due within 15 seconds.
            patience={"worker": 20},
        )
        for name, command in _commands(place, var).items():
            # `exec`: the shell that honcho starts becomes the command, so that signals reach it.
            supervisor.add_process(name, f"exec {shlex.join(command)}", env={**os.environ, "PYTHONUNBUFFERED": "1"})
        supervisor.loop()
        running.unlink(missing_ok=True)
    return 0 if supervisor.was_stopped else 1


def _only_one(var: Path) -> TextIO:
    """Hold `var/run.lock` while we run: two at once would share one schedule and one sandbox."""
    lock = (var / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStartError(f"it is running already, with its data in {var}. Stop that one first.") from None
    return lock


def _prepare() -> str:
    """Run `prepare.py` and return the sample data. Raises CannotStartError; the complaints are on standard error."""
    sys.stdout.write("Preparing database and static files ...\n")
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, "-m", "botaccounts.embedded.prepare"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if done.returncode != 0:
        raise CannotStartError("what is written above stands in the way.")
    return done.stdout


def _commands(place: Place, var: Path) -> dict[str, list[str]]:
    """Web server, worker, beat and sandbox."""
    granian = ["granian", "--interface", "wsgi", "--host", place.address, "--port", str(place.port), "--workers", "1"]
    granian += ["--blocking-threads", "16", "--no-ws", "--workers-kill-timeout", "3", "--log-level", "error"]
    worker = [
        "celery",
        "-q",
        "-A",
        "botaccounts",
        "worker",
        "--concurrency",
        "12",
        "--loglevel",
        "INFO",
    ]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    beat = ["celery", "-q", "-A", "botaccounts", "beat", "--loglevel", "WARNING", "-s", str(var / "beat-schedule")]
    modules = {
        "web": [*granian, "botaccounts.wsgi:application"],
        "worker": worker,
        "beat": beat,
        "sandbox": ["botaccounts.sandbox", "serve", "--port", str(place.sandbox_port)],
    }
    return {name: [sys.executable, "-m", *module] for name, module in modules.items()}


if __name__ == "__main__":
    sys.exit(main())
