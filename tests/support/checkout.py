"""A checkout in which `make run` is started, and what it leaves there."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.environment import scratch_environment
from tests.support.processes import ROOT, Server, find_program, free_port, wait_until
from tests.support.remains import files, keys_in, sightings
from tests.support.sandbox_server import Sandbox

COMMAND = [sys.executable, "-m", "botaccounts.embedded"]
SANDBOX = "sandbox"  # its files: it is the provider, and knows what it issued


class Checkout:
    """A copy of the tracked files, as a fresh clone has them, with the packages of this environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.runs = 0
        self.first_demo: dict[str, Any] = {}
        self.refusals: list[str] = []

    @property
    def env(self) -> dict[str, str]:
        """Where its data is, for who looks inside."""
        return {"DATABASE_URL": f"sqlite:///{self.folder / 'var' / 'botaccounts.sqlite3'}"}

    def environment(self, **values: str) -> dict[str, str]:
        return scratch_environment(**{"PORT": str(self.port), **values})

    def server(self, command: list[str] | None = None, **env: str) -> Server:
        """`make run`, not yet started; ready when its box is printed."""
        self.runs += 1
        return Server(
            "make run",
            command or COMMAND,
            log=self.folder.with_name(f"run-{self.runs}.log"),
            env=self.environment(**env),
            cwd=self.folder,
            is_ready=lambda server: "Bot Accounts is ready" in server.text(),
            seconds=120,
        )

    def by_make(self, **env: str) -> Server:
        """The recipe of `make run` without the installation: the packages of this environment are there already."""
        recipe = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "botaccounts.embedded" in line)
        makefile = self.folder.with_name("run.mk")
        makefile.write_text(f"run:\n{recipe.replace('$(BIN)/python', sys.executable)}\n")
        return self.server([find_program("make"), "-f", str(makefile), "run"], **env)

    def try_to_start(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it where it should give up by itself."""
        done = subprocess.run(
            COMMAND,
            env=self.environment(**env),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.refusals += [done.stdout, done.stderr]
        return done

    def demo(self) -> dict[str, Any]:
        """What `manage.py demo --json` prints in another terminal, without any variable set."""
        done = subprocess.run(
            [sys.executable, "manage.py", "demo", "--json"],
            env=scratch_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return dict(json.loads(done.stdout))

    def sandbox(self, server: Server) -> Sandbox:
        """The one that runs beside the product, where the box says."""
        (port,) = re.findall(r"Sandbox resource: http://127\.0\.0\.1:(\d+)", server.text())
        return Sandbox(self.folder / "var", 300, port=int(port))

    def end(self, server: Server, number: signal.Signals) -> None:
        """Send a signal to this process alone, or Ctrl-C to its group, and wait until all the others have ended too."""
        (os.killpg if number is signal.SIGINT else os.kill)(server.pid, number)
        wait_until(lambda: not self.processes(), seconds=30, what="every process ending")

    def processes(self) -> list[int]:
        """Ids of all processes that work in this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cwd").readlink().is_relative_to(self.folder):
                        found.append(int(entry.name))
                except OSError:
                    continue  # it ended meanwhile, or is not ours to see
        return found

    def secrets_left(self) -> list[str]:
        """Where one was seen: in the files of the product, or in what its runs printed. Its keys are in .env alone.

        The passwords of the sample people stand in the box, for whoever starts it.
        """
        if not self.first_demo:
            return []  # it never ran
        lines = (self.folder / ".env").read_text().splitlines()
        keys = keys_in(dict(line.split("=", 1) for line in lines if "=" in line))
        people = [*self.first_demo["users"], self.first_demo["outsider"]]
        passwords = {person["password"].encode(): "a password of the box" for person in people}
        var = {name: each for name, each in files(self.folder / "var").items() if not name.startswith(SANDBOX)}
        runs = {path.name: path.read_bytes() for path in self.folder.parent.glob("run-*.log")}
        runs["refused starts"] = "".join(self.refusals).encode()
        return sightings(var, also=keys | passwords) + sightings(runs, also=keys)
