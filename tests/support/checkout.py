"""A checkout in which `make run` is started, and what it leaves there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.environment import scratch_environment
from tests.support.processes import Server, free_port
from tests.support.remains import files, keys_in, sightings

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
