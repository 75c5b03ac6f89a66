"""`make bench`: what the product does, held against what it cannot beat, as ratios. Loopback only, and bounded.

Both sides of a line are taken in alternating rounds of one run, so that whatever else the machine does hits both alike.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import tests.conftest  # noqa: F401 - Django, in an environment of its own
from tests.bench import answering, listing, opening, refreshing

AREAS = {
    "answering": answering.lines,
    "list": listing.lines,
    "opening": opening.lines,
    "refresh": refreshing.refresh_lines,
    "sweep": refreshing.sweep_lines,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("areas", nargs="*", help=f"What to measure; all by default: {', '.join(AREAS)}.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"There is no area {', '.join(sorted(unknown))}.")
    lines = []
    for area in options.areas or AREAS:
        with tempfile.TemporaryDirectory(prefix="botaccounts-bench-") as folder:
            lines += AREAS[area](Path(folder))
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    sys.stdout.write(f"{'WHAT':<40}{'AGAINST':<40}{'VALUE':>10}{'AGAINST':>10} {'UNIT':<12}{'RATIO':>8}  PROMISE\n")
    for line in lines:
        sys.stdout.write(
            f"{line.what:<40}{line.against:<40}{line.value:>10}{line.against_value:>10} {line.unit:<12}{line.ratio:>8}"
            f"  {line.promise}{'' if line.kept else '  NOT KEPT'}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
