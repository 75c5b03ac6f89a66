"""What the areas measured, as a table or as JSON, and what became of the others."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.bench.line import Line, Lines, NotMeasured

# What the helpers of the tests raise where a program is missing; no `Exception` to Python.
OUTCOMES = (pytest.skip.Exception, pytest.fail.Exception)
TOLD = 2000  # characters of a failure: a page may be in it
_HEAD = f"{'WHAT':<46}{'AGAINST':<40}{'VALUE':>10}{'AGAINST':>10} {'UNIT':<12}{'RATIO':>8}  PROMISE\n"


@dataclass
class Report:
    """`broken`: which area ended early, and of what."""

    lines: list[Line] = field(default_factory=list)
    not_measured: list[NotMeasured] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, area: Callable[[Path], Lines]) -> None:
        """Run an area. What it had measured when it broke stays, and other areas get their turn."""
        try:
            with tempfile.TemporaryDirectory(prefix="botaccounts-bench-") as folder:
                for each in area(Path(folder)):
                    if isinstance(each, Line):
                        self.lines.append(each)
                    else:
                        self.not_measured.append(each)
        except (Exception, *OUTCOMES) as failure:  # noqa: BLE001 - it is told, and the run ends with 1
            self.broken[name] = f"{type(failure).__name__}: {failure}"[:TOLD]

    @property
    def is_good(self) -> bool:
        """Whether every promise that could be measured is kept. With REQUIRE_EVERYTHING all have to be measured."""
        complete = not self.not_measured or not os.environ.get("REQUIRE_EVERYTHING")
        return complete and not self.broken and all(line.kept for line in self.lines)

    def say(self) -> None:
        """The table, and below it what is missing."""
        sys.stdout.write(_HEAD)
        for line in self.lines:
            sys.stdout.write(
                f"{line.what:<46}{line.against:<40}{line.value:>10}{line.against_value:>10} {line.unit:<12}"
                f"{line.ratio:>8}  {line.promise}{'' if line.kept else '  NOT KEPT'}\n"
            )
        sys.stdout.write(self._missing())

    def say_json(self) -> None:
        """The lines as JSON; what is missing goes to standard error."""
        sys.stdout.write(json.dumps([asdict(line) for line in self.lines], indent=2) + "\n")
        sys.stderr.write(self._missing())

    def _missing(self) -> str:
        absent = [f"NOT MEASURED  {each.what}: {each.why}\n" for each in self.not_measured]
        return "".join([*absent, *(f"BROKEN  {name}: {why}\n" for name, why in self.broken.items())])


def measured(areas: Mapping[str, Callable[[Path], Lines]]) -> Report:
    report = Report()
    for name, area in areas.items():
        report.take(name, area)
    return report
