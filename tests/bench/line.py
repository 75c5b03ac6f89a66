"""One line of the table that `make bench` prints."""

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
