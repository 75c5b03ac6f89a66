"""One line of the table that `make bench` prints, or why there is none."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`what` held against `against`, both in `unit`, taken in alternating rounds of one run.

    `ratio` is the median of the rounds' ratios, `promise` what it is to reach (">= 0.6"), `kept` whether it does.
    """

    what: str
    against: str
    value: float
    against_value: float
    unit: str
    ratio: float
    promise: str
    kept: bool


@dataclass(frozen=True)
class NotMeasured:
    """Lines that there are not: what they would have told, and which program is missing for them."""

    what: str
    why: str


# An area gives what it has as soon as it has it: what was measured is there although something breaks later.
Lines = Iterator[Line | NotMeasured]


def compared(
    what: str,
    against: str,
    unit: str,
    rounds: Sequence[tuple[float, float]],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Line:
    """The median of the rounds' ratios, and whether it is what was promised."""
    ours, theirs = (round(statistics.median(each), 2) for each in zip(*rounds, strict=True))
    ratio = round(statistics.median(a / b for a, b in rounds), 3)
    kept = ratio >= at_least if at_least is not None else at_most is None or ratio <= at_most
    promise = f">= {at_least}" if at_least is not None else "none" if at_most is None else f"<= {at_most}"
    return Line(what, against, ours, theirs, unit, ratio, promise, kept)
