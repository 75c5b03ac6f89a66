"""The resource of the chaos rounds: an authorization server with manners that change, an API, and a webhook's receiver.

`behaviour` says how the token endpoints answer; `heal()` ends whatever is under way. Every answer is followed until the
client has closed the connection, so that it is known whether it arrived.
"""

import base64
import contextlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from tests.chaos.grants import Grant, Grants, InvalidGrant, Owner
from tests.support.canary import Cage

LIFETIME = 3600  # seconds; the rounds move the stored moments instead of waiting
READ_BY = 5.0  # seconds that a client has to close the connection after the last byte
Answer = tuple[int, Mapping[str, object]]


class Behaviour(Protocol):
    """How a token request is answered."""

    def answer(self, call: "Call") -> None: ...


class Honest:
    """At once, and by the book."""

    def answer(self, call: "Call") -> None:
        call.send(*call.process())


class Call:
    """One token request."""

    def __init__(self, resource: "Resource", connection: socket.socket, form: Mapping[str, str], client: str) -> None:
        self.resource = resource
        self.form = form
        self.client_id = client
        self.grant: Grant | None = None
        self._connection = connection

    def process(self) -> Answer:
        """Do what was asked for: rotate, redeem or issue. What the answer would be."""
        grants = self.resource.grants
        try:
            self.grant = self._granted(grants)
        except InvalidGrant:
            return 400, {"error": "invalid_grant"}
        return 200, self.document(self.grant)

    def _granted(self, grants: Grants) -> Grant:
        match self.form.get("grant_type"):
            case "refresh_token":
                return grants.refresh(self.form.get("refresh_token", ""), self.client_id)
            case "authorization_code":
                return grants.redeem(self.form.get("code", ""), self.client_id)
        owner = Owner("credential", self.client_id.removeprefix("client-"))
        return grants.begin(owner, self.client_id, refreshes=False)

    def document(self, grant: Grant) -> dict[str, object]:
        said: dict[str, object] = {"access_token": grant.access_tokens[-1], "token_type": "Bearer"}
        said |= {"expires_in": LIFETIME, "scope": "read"}
        return said | ({"refresh_token": grant.refresh_token} if grant.refresh_token else {})

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the fault is over."""
        self.resource.healed.wait(seconds)

    def send(self, status: int, document: Mapping[str, object]) -> None:
        self.send_raw(status, json.dumps(document).encode())

    def send_raw(self, status: int, body: bytes, *, drip: float = 0.0, declared: int | None = None) -> None:
        """Write an answer, byte by byte where `drip` seconds lie between them, and see whether it was read."""
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nConnection: close\r\n"
        head += f"Content-Length: {len(body) if declared is None else declared}\r\n\r\n"
        try:
            self._connection.sendall(head.encode())
            for position in range(len(body)) if drip else ():
                self._connection.sendall(body[position : position + 1])
                if not self.resource.healed.wait(drip):
                    continue
                body = body[position + 1 :]
                break
            else:
                body = b"" if drip else body
            self._connection.sendall(body)
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(READ_BY)
            read = self._connection.recv(1) == b""
        except OSError:
            return
        if read and self.grant is not None and status == 200:
            self.grant.rotations[-1].delivered = True

    def reset(self) -> None:
        """End the connection without a word."""
        with contextlib.suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Resource:
    """See the module's docstring."""

    def __init__(self, cage: Cage) -> None:
        self.grants = Grants(cage)
        self.behaviour: Behaviour = Honest()
        self.healed = threading.Event()
        self.hooks: list[bytes] = []
        self.under_way = 0
        self._lock = threading.Lock()
        self._server = _listen(self, 0)
        self.port = int(self._server.server_address[1])
        self.allow_entry = f"127.0.0.1:{self.port}"
        self._serve()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def misbehave(self, behaviour: Behaviour) -> None:
        self.healed.clear()
        self.behaviour = behaviour

    def heal(self) -> None:
        """Honest again, and what is slow or drips goes on at once."""
        self.behaviour = Honest()
        self.healed.set()

    def go_down(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        self._server = _listen(self, self.port)
        self._serve()

    def stop(self) -> None:
        self.heal()
        self.go_down()

    def consent(self, go_to: str, owner: Owner) -> str:
        """What a person's browser brings back who agreed at the address `go_to` (RFC 6749 §4.1.2)."""
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(go_to).query).items()}
        code = self.grants.consent(owner, asked["client_id"])
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def count(self, change: int) -> None:
        with self._lock:
            self.under_way += change

    def _serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resource: Resource

    def do_POST(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/hook":
            self.resource.hooks.append(body + str(self.headers).encode())
            self._say(200, {})
            return
        form = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        self.resource.count(+1)
        try:
            self.resource.behaviour.answer(Call(self.resource, self.connection, form, self._client()))
        finally:
            self.resource.count(-1)

    def _client(self) -> str:
        """RFC 6749 §2.3.1, by HTTP Basic."""
        said = self.headers.get("Authorization", "").removeprefix("Basic ")
        return unquote_plus(base64.b64decode(said).decode().partition(":")[0])

    def do_GET(self) -> None:
        """`/orders/KIND.WHOSE`: an API that knows by whom it expects to be called."""
        self.close_connection = True
        if not self.path.startswith("/orders/"):
            self._say(404, {})
            return
        expected = self.path.removeprefix("/orders/").partition("?")[0]
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        grants = self.resource.grants
        if str(grants.owner_of(token)) != expected:
            grants.trespass(f"a token of {grants.owner_of(token)} was sent where {expected} was meant")
        works = grants.works(token)
        self._say(200 if works else 401, {"called_as": str(grants.owner_of(token))})

    def _say(self, status: int, document: Mapping[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _listen(resource: Resource, port: int) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            # Clients are killed here; anything else is a mistake of ours.
            if not isinstance(sys.exception(), OSError):
                super().handle_error(request, client_address)

    return Server(("127.0.0.1", port), type("Handler", (_Handler,), {"resource": resource}))
