"""`docs/ux.md` names a test for every line and every procedure, and every such test is named there."""

import re
from pathlib import Path

from tests.support.processes import ROOT

LINES = 25
PROCEDURES = 12
NAMED = re.compile(r"^def (test_(?:ux_(\d\d)|procedure)_\w+)\(", re.MULTILINE)
TABLE = (ROOT / "docs" / "ux.md").read_text()


def held() -> dict[str, str]:
    """Name -> number of its line, "" for a procedure."""
    sources = sorted(Path(__file__).parent.glob("test_*.py"))
    return {name: number for path in sources for name, number in NAMED.findall(path.read_text())}


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of the table below a heading."""
    below = TABLE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", cell)


def test_every_line_has_its_tests() -> None:
    table = {int(number): named(tests) for number, _, tests in rows("Line by line")}
    assert sorted(table) == list(range(1, LINES + 1))
    found = {number: sorted(name for name, of in held().items() if of == f"{number:02}") for number in table}
    assert {number: sorted(names) for number, names in table.items()} == found
    assert all(found.values())


def test_every_procedure_has_its_test() -> None:
    table = [named(tests) for _, tests in rows("Procedures of the specification")]
    assert [len(names) for names in table] == [1] * PROCEDURES
    assert sorted(names[0] for names in table) == sorted(name for name, number in held().items() if not number)
