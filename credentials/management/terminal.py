"""What commands print: tables that line up, names that cannot draw on the terminal, and how far long work is."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.core.management.base import OutputWrapper

LONGEST = 60  # characters of a cell
BAR_WIDTH = 40


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a table; its columns are as wide as what is in them."""
    lines = [[name.upper() for name in head], *([cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()


def cell(value: object) -> str:
    """One line of printable text, cut to `LONGEST`; moments are in UTC."""
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def draw_bar(stream: OutputWrapper, done: int, total: int) -> None:
    """A progress bar on a terminal; nothing anywhere else."""
    if stream.isatty():
        filled = BAR_WIDTH * done // max(1, total)
        ending = "\n" if done >= total else ""
        stream.write(f"\r[{'#' * filled}{' ' * (BAR_WIDTH - filled)}] {done}/{total}", ending=ending)
        stream.flush()
