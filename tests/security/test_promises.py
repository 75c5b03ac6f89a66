"""Each of the 42 promises has a test with its number in its name, and docs/security.md names tests that there are."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.support.processes import ROOT

PROMISES = range(1, 43)
NAMED = re.compile(r"test_promise_(\d\d)_\w+")
IN_THE_TABLE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def tests() -> Iterator[tuple[str, str]]:
    """File and name of every test of the suite."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield str(path.relative_to(ROOT)), node.name


def proofs(text: str) -> Mapping[int, list[tuple[str, str]]]:
    """Promise -> the tests that the table of docs/security.md names in its rows."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for line in text.splitlines():
        if row := re.match(r"\| (\d+) ", line):
            found[int(row[1])] += IN_THE_TABLE.findall(line)
    return found


def test_every_promise_has_a_test_that_says_which() -> None:
    held = {int(number) for _, name in tests() for number in NAMED.findall(name)}
    assert held == set(PROMISES)


def test_the_documentation_says_of_every_promise_which_test_was_seen_to_fail() -> None:
    named = proofs((ROOT / "docs/security.md").read_text())
    assert {number for number, those in named.items() if those} == set(PROMISES)
    missing = {each for those in named.values() for each in those} - set(tests())
    assert missing == set()
    # A row stands under the promise that its tests are named by.
    astray = {
        name for number, those in named.items() for _, name in those if NAMED.match(name) and int(name[13:15]) != number
    }
    assert astray == set()


def test_a_row_of_the_table_says_what_was_broken() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if IN_THE_TABLE.search(line)]
    assert rows
    for row in rows:
        assert len([cell for cell in row.strip("| ").split(" | ") if cell.strip()]) == 3, row
