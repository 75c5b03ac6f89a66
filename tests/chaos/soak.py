"""`make soak`: bots, people and renewals for twenty minutes without a fault. Memory stays flat, and nothing fails.

On PostgreSQL and Redis, with two web processes, two workers and beat. Every few seconds all tokens end or are due.
"""

import argparse
import contextlib
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

import tests.conftest  # noqa: F401 - Django, in an environment of its own
from tests.chaos import memory, rounds
from tests.chaos.asks import everything
from tests.chaos.house import House
from tests.chaos.ledger import Ledger
from tests.chaos.memory import Curve
from tests.chaos.people import Alice, Stopped

BOTS, PAUSE = 4, 0.05  # seconds between two requests of a bot
ENDS_EVERY = 4.0  # seconds
SAVES_EVERY = 2.0
SAMPLE_EVERY = 3.0
# A small one is full of pages soon, and what is shared is no growth.
POSTGRES = {"shared_buffers": "16MB"}


@dataclass
class Soak:
    """Runs until `stop` is set."""

    house: House
    alice: Alice
    ledger: Ledger
    stop: threading.Event = field(default_factory=threading.Event)

    def threads(self) -> list[threading.Thread]:
        actors = [*(partial(self.bot, number) for number in range(BOTS)), self.person, self.time]
        return [threading.Thread(target=actor, daemon=True) for actor in actors]

    def bot(self, number: int) -> None:
        asks, urls = everything(self.house.cast), self.house.product.urls
        dice = random.Random(number)  # noqa: S311
        turn = 0
        while not self.stop.wait(PAUSE):
            turn += 1
            dice.choice(asks).ask(urls[turn % len(urls)], self.house.resource.grants, self.ledger)

    def person(self) -> None:
        """Saves a form, and looks at pages."""
        homes = self.house.cast.homes
        turn = 0
        while not self.stop.wait(SAVES_EVERY):
            turn += 1
            home = homes[turn % len(homes)]
            with contextlib.suppress(Stopped):
                self.alice.save_a_pair(home, f"{self.house.cage.canaries[0].core}-{turn}")
                for page in ("credentials/", "activity/", "integrations/"):
                    self.alice.get(f"/organizations/{home.id}/{page}")

    def time(self) -> None:
        """Tokens end; beat sweeps as it does, and here in between too."""
        credentials = [str(credential) for _, credential in self.house.cast.credentials()]
        turn = 0
        while not self.stop.wait(ENDS_EVERY):
            turn += 1
            half = len(credentials) // 2
            credentials = credentials[1:] + credentials[:1]
            self.house.end_tokens(credentials[:half], credentials[half:])
            self.house.sweep()


def soak(house: House, alice: Alice, servers: dict[str, int], seconds: float) -> tuple[list[Curve], Ledger]:
    """Curves of every process, and the ledger of what was asked."""
    ledger = Ledger("nothing", strict=True)
    alice.ledger = ledger
    running = Soak(house, alice, ledger)
    curves = {group: Curve(name) for name, group in servers.items()}
    curves |= {server.pid: Curve(name) for name, server in house.product.processes.items()}
    threads = running.threads()
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or not memory.enough(list(curves.values())):
        time.sleep(SAMPLE_EVERY)
        memory.sample(curves)
    running.stop.set()
    for thread in threads:
        thread.join()
    for name in house.died():
        ledger.problem("died", f"{name}: {house.product.logs(name)[-1500:]}")
    return list(curves.values()), ledger


def show(curves: Sequence[Curve], ledger: Ledger, refreshes: int, seconds: float) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    shown = Table(title=f"{seconds / 60:g} minutes: {ledger.asked} requests, {refreshes} renewals")
    for name in ("process", "middle third, MB", "last third, MB", "ratio", "flat"):
        shown.add_column(name, justify="left" if name == "process" else "right")
    for curve in curves:
        figures = (f"{curve.third(1):.1f}", f"{curve.third(2):.1f}", f"{curve.ratio:.3f}")
        shown.add_row(curve.name, *figures, "yes" if curve.is_flat else "NO")
    console.print(shown)
    console.print(f"Errors: {len(ledger.details)}")
    for detail in ledger.details[:50]:
        console.print(detail, markup=False)


def as_json(curves: Sequence[Curve], ledger: Ledger, refreshes: int) -> dict[str, Any]:
    return {
        "asked": ledger.asked,
        "renewals": refreshes,
        "errors": ledger.details,
        "processes": [
            {"process": each.name, "middle": each.third(1), "last": each.third(2), "ratio": each.ratio}
            for each in curves
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="For how long (20).")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of the table.")
    options = parser.parse_args()
    # Told to end, it takes its houses down first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seconds = options.minutes * 60
    with rounds.street(**POSTGRES) as street:
        house, alice = street.house("large")
        assert house.postgres is not None
        assert house.redis is not None
        servers = {"PostgreSQL": house.postgres.server.pid, "Redis": house.redis.server.pid}
        curves, ledger = soak(house, alice, servers, seconds)
        refreshes = house.resource.grants.refreshes
    if options.json:
        sys.stdout.write(json.dumps(as_json(curves, ledger, refreshes), indent=2) + "\n")
    else:
        show(curves, ledger, refreshes, seconds)
    return 0 if not ledger.details and all(curve.is_flat for curve in curves) else 1


if __name__ == "__main__":
    sys.exit(main())
