"""`make chaos`: rounds of faults against real processes, and a table of what came of them.

The same seed makes the same rounds in the same order; what the machine does in between it does not repeat.
"""

import argparse
import json
import random
import secrets
import signal
import sys

import tests.conftest  # noqa: F401 - Django, in an environment of its own
from tests.chaos import canaries, rounds, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="How many rounds (500).")
    parser.add_argument("--seed", type=int, default=None, help="Which rounds; by chance where it is not given.")
    parser.add_argument("--fault", default="", help="Only faults in whose name this occurs.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of the table.")
    options = parser.parse_args()
    # Told to end, it takes its houses down first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    dice = random.Random(seed)  # noqa: S311 - nothing secret hangs on it
    order = rounds.schedule(options.rounds, dice)
    if options.fault:
        named = [each for each in rounds.FAULTS if options.fault.lower() in each.name.lower()]
        if not named:
            parser.error(f"There is no fault {options.fault}.")
        order = [named[number % len(named)] for number in range(options.rounds)]
    sys.stderr.write(f"Seed {seed}.\n")
    with rounds.street() as street:
        ledgers = rounds.play_all(street, order, dice, rounds.as_lines)
        sightings = [
            each for house in street.houses.values() for each in canaries.sweep(house, street.alice[house.name])
        ]
        missing = [] if options.fault else rounds.too_little(street, order, ledgers)
    problems = table.problems(ledgers)
    if options.json:
        sys.stdout.write(
            json.dumps({"seed": seed, "rows": table.rows(ledgers), "sightings": sightings}, indent=2) + "\n"
        )
    else:
        table.show(ledgers, sightings, seed)
    for each in missing:
        sys.stderr.write(f"Too little happened for a proof: {each}.\n")
    return 1 if problems or sightings or missing else 0


if __name__ == "__main__":
    sys.exit(main())
