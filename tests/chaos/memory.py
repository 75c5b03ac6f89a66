"""What processes have of memory for themselves: the private pages of everything in a process group."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GROWS_AT_MOST = 1.05  # the last third against the middle third


def groups() -> Mapping[int, list[int]]:
    """The processes of this machine by their process group."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.setdefault(os.getpgid(int(entry.name)), []).append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def private(pid: int) -> int:
    """Kilobytes of private pages (Linux, proc(5): smaps_rollup); 0 for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


@dataclass
class Curve:
    """What one process (with its children) had, sample by sample, in kilobytes."""

    name: str
    samples: list[int] = field(default_factory=list)

    def third(self, number: int) -> float:
        """The mean of the first, the middle or the last third (0, 1, 2), in megabytes."""
        size = len(self.samples) // 3
        return statistics.mean(self.samples[number * size : (number + 1) * size]) / 1024

    @property
    def ratio(self) -> float:
        return self.third(2) / self.third(1)

    @property
    def is_flat(self) -> bool:
        return self.ratio <= GROWS_AT_MOST


def sample(curves: Mapping[int, Curve]) -> None:
    """Add a sample to the curve of each process group."""
    found = groups()
    for group, curve in curves.items():
        curve.samples.append(sum(private(pid) for pid in found.get(group, ())))


def enough(curves: Sequence[Curve]) -> bool:
    """Whether there are samples for three thirds."""
    return all(len(curve.samples) >= 3 for curve in curves)
