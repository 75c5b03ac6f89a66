"""What commands print: tables, names that cannot draw on the terminal, and how far long work is.

Exit codes are the same for all of them: `docs/operations.md` lists them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import IO, cast

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

DONE = 0
NEEDS_ATTENTION = 1  # the command did its work, and what it found is not as it should be
WRONG_ARGUMENTS = 2  # as argparse has it

LONGEST = 60  # characters of a cell
WIDE = 4000  # columns where there is no terminal: a script's lines are not folded

Report = Callable[[int, int], None]


def refuse(message: str) -> CommandError:
    """The error of a command that was asked for something that is not there."""
    return CommandError(message, returncode=WRONG_ARGUMENTS)


def print_table(
    stream: OutputWrapper, head: Sequence[str], rows: Iterable[Sequence[object]], *, longest: int = LONGEST
) -> None:
    """A table whose columns are as wide as what is in them. On a terminal, cells that do not fit are folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in head:
        table.add_column(name.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value, longest), style=tone(value)) for value in row))
    for line in rendered(table, stream).splitlines():
        stream.write(line.rstrip())


def rendered(table: Table, stream: OutputWrapper) -> str:
    is_terminal = stream.isatty()
    width = None if is_terminal else WIDE
    console = Console(file=beneath(stream), force_terminal=is_terminal, width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def beneath(stream: OutputWrapper) -> IO[str]:
    """What Django's wrapper writes to: the wrapper itself ends everything that is written with a new line."""
    return cast(IO[str], getattr(stream, "_out", stream))


def cell(value: object, longest: int = LONGEST) -> str:
    """One line of printable text, cut to `longest`; moments are in UTC."""
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class Verdict(str):
    """A cell that says whether something is well: green or red on a terminal."""

    is_good: bool

    def __new__(cls, text: str, *, is_good: bool) -> "Verdict":
        made = super().__new__(cls, text)
        made.is_good = is_good
        return made


def tone(value: object) -> str:
    if not isinstance(value, Verdict):
        return ""
    return "green" if value.is_good else "bold red"


@contextmanager
def progress(stream: OutputWrapper, what: str) -> Iterator[Report]:
    """A function to call with (done, total): a bar on a terminal, nothing anywhere else."""
    console = Console(file=beneath(stream), force_terminal=stream.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not stream.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
