"""Which tasks a worker has, from what it writes: a task that was received and is not over."""

import re

from tests.support.processes import Server

_RECEIVED = re.compile(rb"Task [\w.]+\[([0-9a-f-]{36})\] received")
_OVER = re.compile(
    rb"Task [\w.]+\[([0-9a-f-]{36})\] (?:succeeded|raised|ignored|retry)"
    rb"|Discarding revoked task: [\w.]+\[([0-9a-f-]{36})\]"
)


class Tasks:
    """Follows one worker's log. A worker that was started anew has none of the former one's tasks."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pid = 0
        self._offset = 0
        self._rest = b""
        self._under_way: set[bytes] = set()
        self.seen = 0

    def under_way(self) -> int:
        if not self._server.is_running:
            return 0
        if self._server.pid != self._pid:
            # What the former process wrote last is nobody's task any more.
            self._pid, self._under_way = self._server.pid, set()
            self._offset, self._rest = self._server.log_offset, b""
        for line in self._new_lines():
            if found := _RECEIVED.search(line):
                self._under_way.add(found.group(1))
                self.seen += 1
            elif found := _OVER.search(line):
                self._under_way.discard(found.group(1) or found.group(2))
        return len(self._under_way)

    def _new_lines(self) -> list[bytes]:
        if not self._server.log.exists():
            return []
        with self._server.log.open("rb") as log:
            log.seek(self._offset)
            said = self._rest + log.read()
            self._offset = log.tell()
        *lines, self._rest = said.split(b"\n")
        return lines
