"""`make bench`: what the product does, held against what does less, as ratios. Loopback only, and bounded.

Both sides of a line are taken in alternating rounds of one run, so that whatever else the machine does hits both alike.
Ends with 1 where a promise is not kept or an area broke.
"""

import argparse
import sys

import tests.conftest  # noqa: F401 - Django, in an environment of its own
from tests.bench import answering, listing, opening, refreshing, sweeping
from tests.bench.report import measured

AREAS = {
    "answering": answering.lines,
    "list": listing.lines,
    "opening": opening.lines,
    "refresh": refreshing.lines,
    "sweep": sweeping.lines,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("areas", nargs="*", help=f"What to measure; all by default: {', '.join(AREAS)}.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    options = parser.parse_args(arguments)
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"There is no area {', '.join(sorted(unknown))}.")
    report = measured({name: area for name, area in AREAS.items() if name in (options.areas or AREAS)})
    if options.json:
        report.say_json()
    else:
        report.say()
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
