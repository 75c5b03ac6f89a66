"""One connection for one request: to addresses that were judged beforehand, within one budget of time and bytes."""

import logging
import queue
import socket
import ssl
import threading
import time
from typing import Any, NamedTuple

from urllib3.connection import HTTPConnection, HTTPSConnection

from credentials.outbound.errors import DeadlineExceeded, Unreachable

# Malformed headers make urllib3 log the whole URL, with the query of somebody's conversation in it.
logging.getLogger("urllib3.connection").addFilter(lambda record: False)


class Address(NamedTuple):
    """Where to connect: the family, and the socket address whose first member is the IP address."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    @property
    def ip(self) -> str:
        return str(self.sockaddr[0])


class Budget:
    """What one exchange may use: ``seconds`` from now on, and ``max_bytes`` read from the socket, headers included."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self.seconds = seconds
        self.overdrawn = False
        self._ends = time.monotonic() + seconds
        self._bytes_left = max_bytes

    def left(self) -> float:
        """Return the seconds that are left; raise TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("The deadline has passed.")
        return left

    def count(self, received: int) -> None:
        """Charge ``received`` bytes; raise OSError and set ``overdrawn`` when they were too many."""
        self._bytes_left -= received
        if self._bytes_left < 0:
            self.overdrawn = True
            raise OSError("The answer is too large.")


class _BudgetedSocket(socket.socket):
    """A socket whose every operation gets only the time that is left.

    A plain timeout starts anew with each byte, so a server that drips one byte a second would be read for ever.
    """

    budget: Budget | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        received = super().recv_into(*args, **kwargs)
        if self.budget is not None:
            self.budget.count(received)
        return received

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._hurry()
        return super().sendall(*args, **kwargs)

    def _hurry(self) -> None:
        if self.budget is not None:
            self.settimeout(self.budget.left())


class BudgetedTlsSocket(_BudgetedSocket, ssl.SSLSocket):
    """The same inside TLS. Set as a context's ``sslsocket_class``."""


class _Pinned:
    """Connects to one of the judged addresses; the name is not looked up again."""

    addresses: list[Address]
    budget: Budget

    def _open(self) -> _BudgetedSocket:
        failure: OSError = ConnectionError("There is no address.")
        for position, address in enumerate(self.addresses):
            sock = _BudgetedSocket(address.family, socket.SOCK_STREAM)
            try:
                # A share each: an address that swallows packets must not use up what the others need.
                sock.settimeout(self.budget.left() / (len(self.addresses) - position))
                sock.connect(address.sockaddr)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(self.budget.left())
            except OSError as error:
                sock.close()
                failure = error
            else:
                sock.budget = self.budget
                return sock
        raise failure


class PlainConnection(_Pinned, HTTPConnection):
    """http:// to ``host``, whose name goes into the Host header."""

    def __init__(self, host: str, port: int, addresses: list[Address], budget: Budget) -> None:
        super().__init__(host, port)
        self.addresses, self.budget = addresses, budget

    def connect(self) -> None:
        self.sock = self._open()


class TlsConnection(_Pinned, HTTPSConnection):
    """https:// to ``host``, whose name goes into SNI, is verified against the certificate, and into the Host header."""

    def __init__(self, host: str, port: int, addresses: list[Address], budget: Budget, context: ssl.SSLContext) -> None:
        super().__init__(host, port, ssl_context=context)
        self.addresses, self.budget, self._context = addresses, budget, context

    def connect(self) -> None:
        # Not urllib3's: that one changes the context, which threads share, and can load further CAs into it.
        sock = self._open()
        # The timeout that `_open` left on the socket bounds the whole handshake, not each of its reads.
        wrapped = self._context.wrap_socket(sock, server_hostname=self.host)
        if isinstance(wrapped, BudgetedTlsSocket):
            wrapped.budget = self.budget
        self.sock = wrapped
        self.is_verified = True


def resolve(host: str, port: int, budget: Budget) -> list[Address]:
    """Return the addresses of ``host``, in the system's order of preference. Raises Unreachable or DeadlineExceeded."""
    try:
        # An address that is written out, in whatever spelling: nobody is asked, and nothing can hang.
        return _found(host, port, socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return _looked_up(host, port, budget)


def _found(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(Address(family, sockaddr) for family, _, _, _, sockaddr in found))


def _looked_up(host: str, port: int, budget: Budget) -> list[Address]:
    # The system's resolver can neither be given a timeout nor be interrupted; a thread of its own can be left behind,
    # and ends when the resolver gives up. Not a pool: names that hang must not hold up names that do not.
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(_found(host, port))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=budget.left())
    except (queue.Empty, TimeoutError):
        raise DeadlineExceeded(f"The name {host} was not resolved within {budget.seconds:g} seconds.") from None
    if isinstance(answer, Exception) or not answer:
        raise Unreachable(f"The name {host} is not known.")
    return answer
