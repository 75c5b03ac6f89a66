"""Where the embedded product listens, and what follows from it."""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from botaccounts.embedded import CannotStartError


@dataclass(frozen=True)
class Place:
    """Where web server and sandbox listen. `address` is what `host` stands for: the web server takes no names."""

    host: str
    address: str
    port: int
    sandbox_port: int

    @property
    def reachable_host(self) -> str:
        """An address of this machine for `host`, which may mean all of them."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    @property
    def is_everywhere(self) -> bool:
        """Whether every address of this machine is listened on."""
        return self.host != self.reachable_host

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def default_public_url(self) -> str:
        return f"http://{_in_url(self.reachable_host)}:{self.port}"


def choose_place(variables: Mapping[str, str]) -> Place:
    """Where to listen: HOST, PORT, SANDBOX_PORT. Raises CannotStartError for a host or a port that cannot be used."""
    host = variables.get("HOST") or "127.0.0.1"
    port = _port(variables, "PORT", 8000)
    address = _address_of(host)
    _require_free(address, port, "PORT")
    if variables.get("SANDBOX_PORT"):
        sandbox_port = _port(variables, "SANDBOX_PORT", 0)
        _require_free("127.0.0.1", sandbox_port, "SANDBOX_PORT")
    else:
        sandbox_port = port + 1
        if sandbox_port > 65535 or _bind_problem("127.0.0.1", sandbox_port):
            sandbox_port = _free_port()
            sys.stdout.write(f"Port {port + 1} is taken; the sandbox resource uses {sandbox_port} this time.\n")
    return Place(host, address, port, sandbox_port)


def _address_of(host: str) -> str:
    """The address that a name stands for, an IPv4 one where it has both: `localhost` is 127.0.0.1 to most programs."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise CannotStartError(f"HOST is {host!r}, which is no address and no name of this machine.") from None
    families = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    return str(families[0][4][0])


def _in_url(host: str) -> str:
    """As it stands in a URL and in the Host header of a request: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _port(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 65535:
        raise CannotStartError(f"{name} is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def _require_free(host: str, port: int, name: str) -> None:
    problem = _bind_problem(host, port)
    if problem:
        raise CannotStartError(f"cannot listen on {host} port {port}: {problem}. Choose another with {name}=….")


def _bind_problem(host: str, port: int) -> str:
    """Why nobody can listen there now, or ""."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT is no listener
            probe.bind(address)
            probe.listen(1)
    except OSError as reason:
        return (reason.strerror or str(reason)).lower()
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def defaults(place: Place, variables: Mapping[str, str]) -> dict[str, str]:
    """Variables that follow from the place: the public address, the hosts it answers to, and the way to the sandbox.

    `variables` are those that somebody has set; theirs win.
    """
    ours = {
        "PUBLIC_URL": place.default_public_url,
        "OUTBOUND_ALLOW": f"127.0.0.1:{place.sandbox_port},localhost:{place.sandbox_port}",
        "SANDBOX_URL": place.sandbox_url,
    }
    chosen = {name: variables.get(name, value) for name, value in ours.items()}
    if "ALLOWED_HOSTS" not in variables:
        # Answer to this machine's own names, and to no other name that somebody points here.
        names = {_in_url(urlsplit(chosen["PUBLIC_URL"]).hostname or ""), "127.0.0.1", "localhost"}
        names |= _names_of_this_machine() if place.is_everywhere else set()
        chosen["ALLOWED_HOSTS"] = ",".join(sorted(names - {""}))
    return chosen


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname()
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, family=socket.AF_INET)}
    except OSError:
        addresses = set()
    return {name, socket.getfqdn(), *addresses}
