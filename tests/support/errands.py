"""A process that has loaded Django once and runs one errand after another, since starting one anew takes seconds.

    errands = Errands(env, "import django; django.setup()", "exec(errand, {})")
    errands.run("print(1)")

What an errand prints is its answer. The process ends where its input does: with ours, or by `close`. The next errand
starts it again.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT

_LOOP = """
import contextlib, io, json, sys, traceback
answers, sys.stdout = sys.stdout, sys.stderr
{prepare}
from django.db import connections
for line in sys.stdin:
    errand, printed, failure = json.loads(line), io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            {run}
    except (Exception, SystemExit):
        failure = traceback.format_exc()
    connections.close_all()
    print(json.dumps([printed.getvalue(), failure]), file=answers, flush=True)
"""


class Errands:
    """`prepare` is Python that runs once, `run` Python that does one `errand` (JSON) and raises where it fails.

    What it logs goes to the end of `log`, where that is named.
    """

    def __init__(self, env: Mapping[str, str], prepare: str, run: str, *, log: Path | None = None) -> None:
        self._env = dict(env)
        self._log = log
        self._code = _LOOP.format(prepare=prepare, run=run)
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def run(self, errand: Any) -> str:
        """What it printed; AssertionError with the traceback where it failed."""
        with self._one_at_a_time:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(errand) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        assert answer, f"The process ended in the middle of {errand!r}."
        printed, failure = json.loads(answer)
        assert not failure, f"{printed}{failure}"
        return str(printed)

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            with self._log.open("ab") if self._log else nullcontext() as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", self._code],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=self._env,
                    cwd=ROOT,
                    text=True,
                )
        return self._process
