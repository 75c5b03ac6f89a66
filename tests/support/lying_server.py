"""A server that answers exactly what a test tells it to, however impolite; it also plays a token endpoint.

    server = serve()                                  # the fixture `serve`; `lying_server` is one plain server
    server.answers(token_answer("canary-at-1"), Answer(status=503))      # in turn; the last one is repeated
    server.on("/revoke", Answer(status=200))                      # a path of its own
    server.url("/token"), server.allow_entry, server.requests[0].form["grant_type"]

An answer may also be a function from the recorded request to an Answer. The server listens on a free port of
127.0.0.1, writes from threads of its own, and stops with its test, also in the middle of a drip.
"""

import contextlib
import functools
import gzip
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


@dataclass(frozen=True)
class Answer:
    """What to say, and how.

    ``wait``: seconds before the first byte. ``drip``: seconds between single bytes of the body, or, with
    ``drip_headers``, of everything after the status line. ``endless``: the body goes on until the client leaves (no
    Content-Length). ``raw``: bytes to write instead of all of it. ``hang``: say nothing and keep the connection.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float = 0.0
    drip_headers: bool = False
    endless: bool = False
    raw: bytes | None = None
    hang: bool = False


@dataclass(frozen=True)
class Recorded:
    """A request as it came. Header names are in lower case; ``form`` and ``query`` hold the last value of each name."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return _flat(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return _flat(self.body.decode())


Script = Answer | Callable[[Recorded], Answer]


def _flat(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def json_answer(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None, **how: Any) -> Answer:
    body = json.dumps(document).encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/json"} | dict(headers or {}), **how)


def token_answer(access_token: str = "canary-at-1", *, status: int = 200, **members: object) -> Answer:  # noqa: S107
    """A token endpoint's answer; a member that is None is left out."""
    document = {"access_token": access_token, "token_type": "Bearer", "expires_in": 3600} | members
    return json_answer({name: value for name, value in document.items() if value is not None}, status=status)


def error_answer(code: str, description: str = "", *, status: int = 400) -> Answer:
    return json_answer({"error": code, "error_description": description}, status=status)


def redirect_answer(location: str, *, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


@functools.cache  # packed once: several files name it while their tests are collected
def gzip_bomb(size: int = 50_000_000) -> Answer:
    """``size`` zeros, packed a thousandfold."""
    return Answer(body=gzip.compress(bytes(size)), headers={"Content-Encoding": "gzip"})


def huge_headers(count: int = 90, size: int = 60_000) -> Answer:
    lines = b"".join(b"X-%d: " % number + b"a" * size + b"\r\n" for number in range(count))
    return Answer(raw=b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")


class LyingServer:
    """See the module's docstring."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Recorded] = []
        self.connections = 0
        self.server_names: list[str | None] = []
        self.failures: list[BaseException] = []
        self._scheme = "https" if tls else "http"
        self._scripts: dict[str, list[Script]] = {"": [Answer(status=404)]}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = _server(self, tls)
        # A short poll: a test must not wait half a second for its server to stop.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def allow_entry(self) -> str:
        """The OUTBOUND_ALLOW entry that lets a test reach this server."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def answers(self, *scripts: Script) -> None:
        """Answer every path that `on` does not name, in turn; the last one again and again."""
        self.on("", *scripts)

    def on(self, path: str, *scripts: Script) -> None:
        with self._lock:
            self._scripts[path] = list(scripts)

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.failures:
            raise self.failures[0]

    def _next(self, request: Recorded) -> Answer:
        with self._lock:
            self.requests.append(request)
            scripts = self._scripts.get(request.path) or self._scripts[""]
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return script if isinstance(script, Answer) else script(request)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise ConnectionAbortedError("The test is over.")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    liar: LyingServer

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.liar._next(Recorded(self.command, self.path, headers, self.rfile.read(length)))
        self.close_connection = True
        self.liar._pause(answer.wait)
        if answer.hang:
            self.liar._pause(60)
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            return
        status_line = f"HTTP/1.1 {answer.status} Scripted\r\n".encode()
        fields = dict(answer.headers)
        if not answer.endless:
            fields.setdefault("Content-Length", str(len(answer.body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("latin-1") + b"\r\n"
        self.wfile.write(status_line)
        self._write(head, answer.drip if answer.drip_headers else 0.0)
        self._write(answer.body, answer.drip)
        while answer.endless:
            self._write(b"x" * (1 if answer.drip else 65_536), answer.drip)

    def _write(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
            return
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            self.liar._pause(drip)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what came is in `LyingServer.requests`."""


def _server(liar: LyingServer, tls: ssl.SSLContext | None) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def get_request(self) -> tuple[socket.socket, Any]:
            sock, address = super().get_request()
            liar.connections += 1
            if tls is not None:
                # The handshake happens with the first read, in the request's own thread.
                sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            return sock, address

        def handle_error(self, request: Any, client_address: Any) -> None:
            # A client that leaves early or refuses the certificate is what the tests are about; a test's own
            # function that fails is not.
            error = sys.exception()
            if error is not None and not isinstance(error, OSError):
                liar.failures.append(error)

    if tls is not None:
        tls.sni_callback = lambda _sock, name, _context: liar.server_names.append(name)
    return Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"liar": liar}))


@pytest.fixture
def serve() -> Iterator[Callable[..., LyingServer]]:
    """Start as many servers as a test wants; keyword: ``tls`` (an ssl.SSLContext of a server)."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> LyingServer:
            server = LyingServer(**options)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def lying_server(serve: Callable[..., LyingServer]) -> LyingServer:
    return serve()
