"""Which programs there are: what cannot be measured without one is said to be missing."""

from tests.support.databases import POSTGRES_FOLDERS
from tests.support.processes import look_for_program

POSTGRESQL, REDIS, CHROMIUM = "PostgreSQL", "Redis", "Chromium"
_PROGRAMS = {POSTGRESQL: ("initdb", *POSTGRES_FOLDERS), REDIS: ("redis-server",), CHROMIUM: ("chromium",)}


def missing(*names: str) -> str:
    """What of these is not installed, in words; "" where all are."""
    absent = [name for name in names if not look_for_program(*_PROGRAMS[name])]
    return f"{' and '.join(absent)} not installed" if absent else ""
