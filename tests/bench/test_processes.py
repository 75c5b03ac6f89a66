"""The processes that are measured are those that the documentation tells to run, and all of them."""

import re
import subprocess
import sys
from pathlib import Path

from botaccounts.embedded.__main__ import _commands
from botaccounts.embedded.place import Place
from tests.bench.memory import family, peak_of
from tests.support.processes import ROOT
from tests.support.product import WEB_THREADS

_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print('ready', flush=True); input()"])
print(child.pid, flush=True)
child.wait()
"""
_FULL_ONCE = """
much = bytearray(50_000_000)
del much
print("ready", flush=True)
input()
"""


def started(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_is_measured_has_as_many_threads_as_what_is_documented_and_run() -> None:
    documented = re.findall(r"-threads (\d+)", (ROOT / "docs" / "operations.md").read_text())
    embedded = _commands(Place("127.0.0.1", "127.0.0.1", 8000, 8001), Path("var"))["web"]
    run = embedded[embedded.index("--blocking-threads") + 1]
    assert len(documented) == 2
    assert {*documented, run} == {str(WEB_THREADS)}


def test_a_process_is_measured_with_those_that_it_started() -> None:
    with started(_PARENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = {process.stdout.readline().strip() for _ in range(2)}
        (child,) = said - {"ready"}
        assert list(family(process.pid)) == [process.pid, int(child)]
        process.stdin.write("\n")


def test_what_a_process_had_at_most_counts_though_it_gave_it_back() -> None:
    with started(_FULL_ONCE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        assert peak_of(process.pid) > 50
        process.stdin.write("\n")
