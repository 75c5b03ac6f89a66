"""The threads of a web process share what they take of memory, where the C library would give each its own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

# The C library tells of each arena as a heap (malloc_info(3)).
_THREADS = """
import ctypes, sys, threading
library = ctypes.CDLL(None)
library.malloc.restype = library.fopen.restype = ctypes.c_void_p
gate = threading.Barrier(8)
def take():
    gate.wait()
    library.malloc(100_000)
    gate.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
file = ctypes.c_void_p(library.fopen(sys.argv[1].encode(), b"w"))
library.malloc_info(0, file)
library.fclose(file)
"""
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="The C library knows no arenas.")


def arenas(tmp_path: Path, before: str, **env: str) -> int:
    """How many arenas a process has once eight of its threads took memory. `before` runs first."""
    told = tmp_path / "arenas.xml"
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", before + _THREADS, str(told)]
    subprocess.run(command, check=True, cwd=ROOT, env={**environment, **env}, timeout=60)
    return told.read_text().count("<heap nr=")


def test_a_web_process_has_two(tmp_path: Path) -> None:
    assert arenas(tmp_path, "from botaccounts.wsgi import application") == 2


def test_whoever_says_how_many_is_obeyed(tmp_path: Path) -> None:
    before = "from botaccounts import arenas; arenas.share()"
    assert arenas(tmp_path, before) == 2
    assert arenas(tmp_path, before, MALLOC_ARENA_MAX="5") == 5


def test_where_there_are_none_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    from botaccounts import arenas

    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setattr(arenas.ctypes, "CDLL", lambda name: object())
    assert not arenas.share()
