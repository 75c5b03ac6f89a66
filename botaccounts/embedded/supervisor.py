"""honcho's manager with two promises more: an early signal is not lost, and no death leaves a process behind."""

import multiprocessing
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

from botaccounts.lifeline import die_with_parent


class LinkedProcess(Process):
    """A forwarder and its command, each ended by the kernel when its parent is gone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._child_ctor = self._start_command
        self._follow_manager = die_with_parent(signal.SIGKILL)

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        self._follow_manager()
        super().run(events, ignore_signals)

    def _start_command(self, command: str, **options: Any) -> "subprocess.Popen[bytes]":
        # SIGTERM: a server then ends its own children before itself.
        started: subprocess.Popen[bytes] = Popen(command, preexec_fn=die_with_parent(signal.SIGTERM), **options)
        return started


class Supervisor(Manager):
    """Run commands together until one ends or a signal comes; then all end.

    `announce` runs once in a thread of its own when all have been started; the event it is given is set when the end
    begins. `patience` says how many seconds a process may take for its end before it is killed; 5 where it is silent.
    """

    def __init__(self, announce: Callable[[threading.Event], None], patience: Mapping[str, float]) -> None:
        # honcho's forwarders are closures over what is in memory: fork, whatever this Python's default is.
        multiprocessing.set_start_method("fork", force=True)
        super().__init__()
        self._process_ctor = LinkedProcess
        self._announce = announce
        self._patience = patience
        self._ending = threading.Event()
        self._ending_since = 0.0
        self._asked_early = False

    @property
    def was_stopped(self) -> bool:
        """Whether somebody stopped us by a signal; else a process ended by itself."""
        return self.returncode in (130, 143)  # what honcho makes of SIGINT and SIGTERM

    def terminate(self) -> None:
        """End all. Before every process has told its id there is nobody to tell: it is done then, once they have."""
        if not self._ending.is_set():
            self._ending_since = time.monotonic()
            self._ending.set()
        if super()._all_started():
            super().terminate()
        else:
            self._asked_early = True

    def kill(self) -> None:
        """End by force what had its time. honcho asks again and again once 5 seconds are over."""
        waited = time.monotonic() - self._ending_since
        for name, process in self._processes.items():
            if "returncode" not in process and waited > self._patience.get(name, 0):
                self._procmgr.kill(process["pid"])

    def _start(self) -> None:
        super()._start()
        threading.Thread(target=self._announce, args=[self._ending], name="announce", daemon=True).start()

    def _all_started(self) -> bool:
        started = bool(super()._all_started())
        if started and self._asked_early:
            self._asked_early = False
            super().terminate()
        return started
