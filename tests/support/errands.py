"""A process that has loaded Django once and runs one errand after another, since starting one anew takes seconds.

    errands = Errands(env, "import django; django.setup()", "exec(errand, {})")
    errands.run("print(1)")

What an errand prints is its answer. The process ends with ours, or by `close`. The next errand starts it again.
"""

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support import preloaded
from tests.support.preloaded import Forked

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
        self._process: Forked | None = None
        self._pipes = ExitStack()
        self._one_at_a_time = threading.Lock()

    def run(self, errand: Any) -> str:
        """What it printed; AssertionError with the traceback where it failed."""
        with self._one_at_a_time:
            self._begin()
            self._asks.write(json.dumps(errand) + "\n")
            self._asks.flush()
            answer = self._answers.readline()
        assert answer, f"The process ended in the middle of {errand!r}."
        printed, failure = json.loads(answer)
        assert not failure, f"{printed}{failure}"
        return str(printed)

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        self._process = None
        self._pipes.close()

    def _begin(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        folder = Path(self._pipes.enter_context(tempfile.TemporaryDirectory()))
        asks, answers = folder / "asks", folder / "answers"
        os.mkfifo(asks)
        os.mkfifo(answers)
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.touch()
        self._process = preloaded.begun(["-c", self._code], self._env, [asks, answers, self._log or "/dev/stderr"])
        self._asks = self._pipes.enter_context(asks.open("w"))
        self._answers = self._pipes.enter_context(answers.open())
