"""Which programs there are: what cannot be measured without one is said to be missing."""

import shutil
from pathlib import Path

from tests.support.databases import POSTGRES_FOLDERS

POSTGRESQL, REDIS, CHROMIUM = "PostgreSQL", "Redis", "Chromium"
_PROGRAMS = {POSTGRESQL: ("initdb", *POSTGRES_FOLDERS), REDIS: ("redis-server",), CHROMIUM: ("chromium",)}


def missing(*names: str) -> str:
    """What of these is not installed, in words; "" where all are."""
    absent = [name for name in names if not _is_there(*_PROGRAMS[name])]
    return f"{' and '.join(absent)} not installed" if absent else ""


def _is_there(program: str, *folders: str) -> bool:
    if shutil.which(program):
        return True
    return any(any(Path("/").glob(f"{folder.lstrip('/')}/{program}")) for folder in folders)
