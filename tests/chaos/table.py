"""Faults against outcomes."""

import statistics
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from tests.chaos.ledger import PROBLEMS, Ledger


def rows(ledgers: Sequence[Ledger]) -> list[dict[str, Any]]:
    """One for each fault, in the order of their names."""
    found = []
    for fault in sorted({ledger.fault for ledger in ledgers}):
        of_fault = [ledger for ledger in ledgers if ledger.fault == fault]
        found.append(
            {
                "fault": fault,
                "rounds": len(of_fault),
                "asked": sum(ledger.asked for ledger in of_fault),
                **{column: sum(ledger.problems[column] for ledger in of_fault) for column in PROBLEMS},
                "to authorize again": sum(ledger.to_authorize for ledger in of_fault),
                "seconds": round(statistics.mean(ledger.seconds for ledger in of_fault), 1),
            }
        )
    return found


def problems(ledgers: Sequence[Ledger]) -> list[str]:
    """Everything that must not have happened, in words."""
    return [f"{ledger.fault}: {detail}" for ledger in ledgers for detail in ledger.details]


def show(ledgers: Sequence[Ledger], sightings: Sequence[str], seed: int, *, to: TextIO | None = None) -> None:
    """The table, what went wrong, and whether a secret was seen; on the terminal unless `to` is something else."""
    # A table that is read later, from a file, has room.
    console = Console(file=to, width=None if sys.stdout.isatty() else 170)
    shown = Table(title=f"{len(ledgers)} rounds, seed {seed}")
    found = rows(ledgers)
    for name in found[0]:
        shown.add_column(name, justify="left" if name == "fault" else "right")
    for row in found:
        shown.add_row(*(str(value) for value in row.values()))
    shown.add_section()
    sums = [sum(row[name] for row in found) for name in list(found[0])[1:-1]]
    shown.add_row("all", *map(str, sums), str(round(statistics.mean(ledger.seconds for ledger in ledgers), 1)))
    console.print(shown)
    for problem in problems(ledgers):
        console.print(problem, markup=False)
    console.print("Canaries seen: " + (", ".join(sightings) or "none"), markup=False)
