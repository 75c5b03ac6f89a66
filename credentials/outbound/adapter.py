"""The transport of every request to an address that somebody typed, and a session around it."""

import contextlib
import functools
import http.client
import re
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import certifi
import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse

from credentials.outbound import policy
from credentials.outbound.connection import (
    Budget,
    BudgetedTlsSocket,
    PlainConnection,
    TlsConnection,
    resolve,
)
from credentials.outbound.errors import (
    FAILURES,
    Blocked,
    DeadlineExceeded,
    TlsRefused,
    TooLarge,
    Unreachable,
)

DEFAULT_DEADLINE_SECONDS = 15.0
DEFAULT_MAX_BYTES = 1_048_576
_HEADER_BYTES = 262_144
_CHUNK_BYTES = 65_536


class GuardedAdapter(HTTPAdapter):
    """Sends one request under guard and returns its answer, body included.

    ``deadline``: seconds for everything: name, connection, TLS, request, headers and body. The ``timeout`` of a single
    request can only make it shorter. ``max_bytes``: of the body, as sent and as unpacked. ``allowance``: exceptions,
    by default OUTBOUND_ALLOW. ``ssl_context``: trust, client certificate and versions of a caller that has its own;
    nothing but its socket class is changed, and one that does not verify is refused with ValueError.

    The name is resolved once, every address is judged, and one of those is connected to. Each request has a connection
    of its own. The session's ``verify``, ``cert`` and ``proxies`` have no effect. Raises `Blocked`,
    `DeadlineExceeded`, `TooLarge`, `TlsRefused` or `Unreachable`, and for any other scheme `InvalidSchema`.
    """

    def __init__(
        self,
        *,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        allowance: policy.Allowance | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        if ssl_context is not None:
            if ssl_context.verify_mode is not ssl.CERT_REQUIRED or not ssl_context.check_hostname:
                raise ValueError("The TLS context must verify certificates and host names.")
            ssl_context.sslsocket_class = BudgetedTlsSocket
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._allowance = allowance
        self._context = ssl_context

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """There is no pool to make, which takes longer than to connect: each request has a connection of its own."""

    def close(self) -> None:
        """Nothing is kept open."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        seconds = min(self._deadline, timeout) if isinstance(timeout, (int, float)) else self._deadline
        budget = Budget(seconds, self._max_bytes + _HEADER_BYTES)
        parts = urlsplit(str(request.url))
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = self._connection(parts.scheme, host, port, budget)
        try:
            connection.connect()
            # A server may refuse (by an answer, or by a TLS alert about the client certificate) and leave before it
            # has read everything: what it said is still there to be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                connection.request(
                    str(request.method),
                    request.path_url,
                    body=request.body,
                    headers=request.headers,
                    chunked=request.body is not None and "Content-Length" not in request.headers,
                    preload_content=False,
                    decode_content=False,
                )
            answer = connection.getresponse()
            response = self.build_response(request, answer)
            # What requests itself sets once it has read a body; it then asks the connection for nothing more.
            response._content = b"" if request.method == "HEAD" else self._read(answer, host)
            response._content_consumed = True  # type: ignore[attr-defined]
        except FAILURES:
            raise
        except (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            raise _plain(error, f"{host}:{port}", budget) from None
        finally:
            connection.close()
        return response

    def _connection(self, scheme: str, host: str, port: int, budget: Budget) -> PlainConnection | TlsConnection:
        if scheme not in ("http", "https"):
            raise requests.exceptions.InvalidSchema("Only http:// and https:// are sent.")
        allowance = policy.configured() if self._allowance is None else self._allowance
        if scheme != "https" and not allowance.may_be_plain(host, port):
            raise Blocked(f"{host}:{port} may be called over https:// only.")
        addresses = resolve(host, port, budget)
        policy.screen(host, port, [address.ip for address in addresses], allowance)
        if scheme != "https":
            return PlainConnection(host, port, addresses, budget)
        return TlsConnection(host, port, addresses, budget, self._context or _default_context())

    def _read(self, answer: BaseHTTPResponse, host: str) -> bytes:
        too_large = TooLarge(f"The answer of {host} is larger than {self._max_bytes} bytes.")
        said = answer.headers.get("content-length", "")
        if re.fullmatch(r"[0-9]{1,20}", said) and int(said) > self._max_bytes:
            raise too_large
        body = bytearray()
        # Unpacked in small portions: a megabyte of gzip can hold a gigabyte of zeros.
        while chunk := answer.read(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                raise too_large
        return bytes(body)


class _GuardedSession(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow no redirect: the next host was judged by nobody, and the request carries secrets."""
        return None


def guarded_session(
    *,
    deadline: float,
    max_bytes: int = DEFAULT_MAX_BYTES,
    allowance: policy.Allowance | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> requests.Session:
    """Return a session that can only send through a `GuardedAdapter` (which explains the arguments).

    It follows no redirect and reads neither .netrc nor proxy or CA variables of the environment.
    """
    session = _GuardedSession()
    session.trust_env = False
    session.adapters.clear()
    adapter = GuardedAdapter(deadline=deadline, max_bytes=max_bytes, allowance=allowance, ssl_context=ssl_context)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def load_public_authorities(context: ssl.SSLContext) -> None:
    """Let ``context`` trust the public CAs and those of the operating system. Takes tens of milliseconds."""
    context.load_verify_locations(cafile=certifi.where())
    context.load_default_certs()


@functools.cache
def _default_context() -> ssl.SSLContext:
    """What everybody uses who brings no context of their own. Built once, because reading the CAs takes its time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_public_authorities(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.sslsocket_class = BudgetedTlsSocket
    return context


def _plain(error: Exception, place: str, budget: Budget) -> requests.RequestException:
    """Say in our words what went wrong: the libraries' own texts hold paths and queries."""
    if budget.overdrawn:
        return TooLarge(f"The answer of {place} is too large.")
    if isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return DeadlineExceeded(f"{place} did not answer in full within {budget.seconds:g} seconds.")
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__ or error.__context__
    if isinstance(tls, ssl.SSLCertVerificationError):
        return TlsRefused(f"The certificate of {place} is not accepted: {tls.verify_message}")
    if isinstance(tls, ssl.SSLError):
        # "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)": what stands between is for people.
        reason = re.sub(r"^\[[^]]*\] | \(_ssl[^)]*\)$", "", str(tls.args[-1] if tls.args else ""))
        return TlsRefused(f"No secure connection with {place}: {reason or 'no reason given'}.")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{place} refuses connections.")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return Unreachable(f"The answer of {place} cannot be unpacked.")
    if isinstance(error, (http.client.HTTPException, urllib3.exceptions.HTTPError)):
        return Unreachable(f"{place} broke off or did not answer in HTTP.")
    if isinstance(error, OSError):
        return Unreachable(f"{place} cannot be reached, or broke off.")
    return Unreachable(f"The request to {place} cannot be written as HTTP.")
