"""A cheap client in a process of its own: keep-alive connections that ask the same again as soon as they are answered.

Raw sockets and one `epoll` loop: about 20 µs of processor time for each answer, so that the machine's cores belong
to what is measured. Reads what to do as JSON on standard input and prints what it saw as JSON:

    {"addresses": [["127.0.0.1", 8000]], "request": "POST … HTTP/1.1\\r\\n…", "connections": 8, "seconds": 2}
    {"answers": 4210, "seconds": 2.0, "milliseconds": [1.3, …]}

The connections are spread over the addresses. An answer that is not 200 ends the run.
"""

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Seen:
    """What one run saw: answers per second, and how long each took, sorted, in milliseconds."""

    rate: float
    milliseconds: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """Milliseconds that `percent` of the answers did not exceed."""
        last = len(self.milliseconds) - 1
        return self.milliseconds[round(last * percent / 100)]


def request_text(method: str, path: str, headers: dict[str, str]) -> str:
    """One HTTP/1.1 request without a body, as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 0"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines) + "\r\n\r\n"


def drive(addresses: Sequence[tuple[str, int]], request: str, *, connections: int, seconds: float) -> Seen:
    """Run the client. Raises `CalledProcessError` where something else than 200 was answered."""
    asked = {"addresses": addresses, "request": request, "connections": connections, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asked), capture_output=True, text=True, timeout=seconds + 60
    )
    if done.returncode:
        raise RuntimeError(f"The client gave up: {done.stderr.strip()[-2000:]}")
    said = json.loads(done.stdout)
    return Seen(said["answers"] / said["seconds"], tuple(sorted(said["milliseconds"])))


class Connection:
    """One connection and the answer that is under way on it."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.received = b""
        self.asked_at = 0.0

    def ask(self) -> None:
        self.received = b""
        self.asked_at = time.perf_counter()
        self.socket.sendall(self.request)

    def is_answered(self) -> bool:
        """Take in what is there. Raises `ValueError` for anything but a 200, `ConnectionError` where it was closed."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed a connection")
        self.received += part
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(self.received.decode(errors="replace"))
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return len(body) >= int(value)
        raise ValueError("an answer without its length")


def run(asked: dict[str, Any]) -> dict[str, Any]:
    request = asked["request"].encode()
    addresses = [(host, port) for host, port in asked["addresses"]]
    waiting: dict[int, Connection] = {}
    poll = select.epoll()
    for number in range(asked["connections"]):
        connection = Connection(addresses[number % len(addresses)], request)
        waiting[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    milliseconds: list[float] = []
    started = time.perf_counter()
    until = started + asked["seconds"]
    for connection in waiting.values():
        connection.ask()
    while waiting:
        for number, _ in poll.poll(30):
            connection = waiting[number]
            if not connection.is_answered():
                continue
            now = time.perf_counter()
            milliseconds.append((now - connection.asked_at) * 1000)
            if now < until:
                connection.ask()
            else:
                poll.unregister(number)
                waiting.pop(number).socket.close()
    return {"answers": len(milliseconds), "seconds": time.perf_counter() - started, "milliseconds": milliseconds}


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
