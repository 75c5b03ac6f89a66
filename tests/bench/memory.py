"""What processes had in memory at most, each of them by itself. A megabyte has 10⁶ bytes here."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.line import Line
from tests.support.processes import Server

WEB, WORKER = 150, 200  # MB that are promised


def most(what: str, servers: list[Server], megabytes: int) -> Line:
    """The process that had most, of these and of what they started, held against what it may have."""
    peak = max(peak_of(pid) for server in servers for pid in family(server.pid))
    promise, ratio = f"<= {megabytes} MB", round(peak / megabytes, 3)
    return Line(what, "what it may take", peak, megabytes, "MB", ratio, promise, peak <= megabytes)


def family(pid: int) -> Iterator[int]:
    """The process, what each of its threads has started, and so on."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from family(int(child))


def peak_of(pid: int) -> float:
    """Resident megabytes at most since it was started (Linux, proc(5): VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise RuntimeError(f"Process {pid} has ended.")
