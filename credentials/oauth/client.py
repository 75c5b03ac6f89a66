"""Requests to an authorization server: the authorization URL, the token endpoint and revocation.

What a token endpoint answers is handed back unread (`RawAnswer`): the caller stores it encrypted before
`credentials.oauth.answer` parses it, so that a crash in between loses no rotated refresh token.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

import requests
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from oauthlib.oauth2.rfc6749.clients.base import Client as OAuthlibClient
from requests.adapters import BaseAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from credentials.oauth import pkce
from credentials.oauth.errors import OAuthFailure

# oauthlib refuses every http:// address. Whether one may be used is decided before this package is called, by the
# caller's `check_url` (https, and http only for a host and port that the operator named), and again by the guarded
# transport, so the library's own check can only get in the way of a choice that has been made.
os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")

# Both libraries log request bodies, secrets and tokens at DEBUG. A filter, because logging configuration that is
# applied later resets levels and handlers but leaves filters alone.
for _name in ("requests_oauthlib", "requests_oauthlib.oauth2_session", "oauthlib"):
    logging.getLogger(_name).addFilter(lambda record: False)

Transport = BaseAdapter
TokenTypeHint = Literal["access_token", "refresh_token"]

# What an address that a person typed, or an extra parameter, can never say for us.
_RESERVED = frozenset(
    {"response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"}
)
_KEPT_HEADERS = ("content-type", "retry-after")
_JSON_WANTED = {"Accept": "application/json"}
_HEADERS = {**requests.utils.default_headers(), "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Client:
    """How this service is registered at one authorization server.

    ``authentication``: ``basic`` or ``body`` (RFC 6749 section 2.3.1). Neither is tried when the other fails. A public
    client has an empty ``client_secret`` and then only names itself, in the body. ``parameters`` go along where it asks
    for a token of its own, a name as often as it stands there (RFC 8707 section 2: ``resource``).
    """

    client_id: str
    client_secret: str
    token_url: str
    authentication: Literal["basic", "body"] = "basic"
    scope: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Client(client_id={self.client_id!r}, token_url={self.token_url!r})"


@dataclass(frozen=True)
class RawAnswer:
    """An HTTP answer as it came: status, the headers that matter (names in lower case), and the body as text."""

    status: int
    headers: dict[str, str]
    body: str

    def __repr__(self) -> str:
        # The body is a token: it must not reach a log by way of a traceback.
        return f"RawAnswer(status={self.status})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RawAnswer":
        return cls(status=int(data["status"]), headers=dict(data["headers"]), body=str(data["body"]))


def authorization_url(
    *,
    auth_url: str,
    client_id: str,
    redirect_uri: str,
    scope: str,
    state: str,
    verifier: str | None,
    extra: Sequence[tuple[str, str]],
) -> str:
    """Return where to send the browser (RFC 6749 section 4.1.1, with RFC 7636 unless ``verifier`` is None).

    The query of ``auth_url`` is kept and ``extra`` is added to it, in order, a name as often as it stands there (RFC
    8707 section 2: ``resource``). In neither can a parameter of the protocol stand, except that a ``scope`` in
    ``auth_url`` counts while ``scope`` is empty. What ``auth_url`` names is not added by ``extra`` again.
    """
    parts = urlsplit(auth_url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if name not in _RESERVED or (name == "scope" and not scope)]
    taken = {name for name, _ in kept}
    kept += [(name, value) for name, value in extra if name not in _RESERVED and name not in taken]
    uri: str = WebApplicationClient(client_id).prepare_request_uri(
        urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), "")),
        redirect_uri=redirect_uri,
        scope=scope or None,
        state=state,
        code_challenge=pkce.challenge(verifier) if verifier else None,
        code_challenge_method="S256" if verifier else None,
    )
    return uri


def exchange_code(
    client: Client, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
) -> RawAnswer:
    """Redeem an authorization code (RFC 6749 section 4.1.3). Raises OAuthFailure when there was no answer."""
    session = _Session(_WebClient(client.client_id), transport, redirect_uri=redirect_uri)
    proof: dict[str, Any] = {"code_verifier": verifier} if verifier else {}
    return session.ask(
        lambda: session.fetch_token(
            client.token_url,
            code=code,
            auth=_authorization(client),
            include_client_id=bool(_in_body(client)),
            client_secret=_in_body(client).get("client_secret"),
            **proof,
        )
    )


def request_client_credentials(client: Client, *, transport: Transport) -> RawAnswer:
    """Ask for a token with the client's own credentials (RFC 6749 section 4.4.2). Raises OAuthFailure."""
    # For this grant the library sends the scope of its client object, not one that the session is given.
    oauthlib_client = _BackendClient(client.client_id, scope=client.scope or None)
    session = _Session(oauthlib_client, transport)
    # Not by `fetch_token`, which sends a name only once.
    body = oauthlib_client.prepare_request_body(
        urlencode(client.parameters),
        include_client_id=bool(_in_body(client)),
        client_secret=_in_body(client).get("client_secret"),
    )
    return session.ask(
        lambda: session.post(client.token_url, data=body, headers=_JSON_WANTED, auth=_authorization(client))
    )


def refresh(client: Client, *, refresh_token: str, transport: Transport) -> RawAnswer:
    """Redeem a refresh token (RFC 6749 section 6). Raises OAuthFailure when there was no answer.

    No scope is sent: that asks for what was granted, and a provider that granted less than was asked for would
    refuse the original scope.
    """
    session = _Session(_WebClient(client.client_id), transport)
    return session.ask(
        lambda: session.refresh_token(
            client.token_url, refresh_token=refresh_token, auth=_authorization(client), **_in_body(client)
        )
    )


def request_extension(
    token_url: str, *, grant_type: str, parameters: Mapping[str, str], transport: Transport
) -> RawAnswer:
    """Ask for a token by an extension grant, whose parameters say who asks (RFC 6749 section 4.5).

    Raises OAuthFailure when there was no answer.
    """
    session = _Session(_WebClient(""), transport)
    body = {"grant_type": grant_type, **parameters}
    return session.ask(lambda: session.post(token_url, data=body, headers=_JSON_WANTED, auth=_NoAuthorization()))


def revoke(client: Client, *, revocation_url: str, token: str, hint: TokenTypeHint, transport: Transport) -> RawAnswer:
    """Ask the server to forget ``token`` (RFC 7009).

    Status 200 means that the token is gone, also when it was not known. Raises OAuthFailure when there was no answer.
    """
    oauthlib_client = _WebClient(client.client_id)
    session = _Session(oauthlib_client, transport)
    url, headers, body = oauthlib_client.prepare_token_revocation_request(
        revocation_url, token, token_type_hint=hint, **_in_body(client)
    )
    return session.ask(lambda: session.post(url, data=body, headers=headers, auth=_authorization(client)))


def _authorization(client: Client) -> AuthBase:
    """What writes the Authorization header. Never None: the library would then write one of its own."""
    if client.authentication == "basic" and client.client_secret:
        # RFC 6749 section 2.3.1 form-encodes both halves before the colon joins them; neither library does.
        return HTTPBasicAuth(quote_plus(client.client_id), quote_plus(client.client_secret))
    return _NoAuthorization()


def _in_body(client: Client) -> dict[str, Any]:
    if not client.client_secret:
        return {"client_id": client.client_id}
    if client.authentication == "body":
        return {"client_id": client.client_id, "client_secret": client.client_secret}
    return {}


class _NoAuthorization(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _LeaveUnread:
    """Keeps oauthlib from reading the token endpoint's answer: `credentials.oauth.answer` does, after it is stored."""

    def parse_request_body_response(self, body: str, scope: Any = None, **kwargs: Any) -> Any:
        return {}


class _WebClient(_LeaveUnread, WebApplicationClient):
    """Authorization code and refresh token."""


class _BackendClient(_LeaveUnread, BackendApplicationClient):
    """Client credentials."""


class _Session(OAuth2Session):
    """One conversation with one server, over the injected transport alone.

    No redirect is followed: the request's body holds the secret, the code or the refresh token. Nor are there cookies,
    .netrc, proxies and CA bundles of the environment, which a session of the library would add.
    """

    def __init__(self, client: OAuthlibClient, transport: Transport, *, redirect_uri: str | None = None) -> None:
        super().__init__(client=client, redirect_uri=redirect_uri)
        self.adapters.clear()  # nothing leaves by those of a session
        self._transport = transport
        self._answer: RawAnswer | None = None

    def request(  # type: ignore[override]  # those of its parameters that make a difference here
        self,
        method: str,
        url: str,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        **_: Any,
    ) -> requests.Response:
        """What every call of the library comes to: a form (RFC 6749 appendix B), as members or written already.

        How a session would send it (`timeout`, `verify`, `proxies`) is the transport's business.
        """
        form = (urlencode(data) if isinstance(data, Mapping) else str(data or "")).encode()
        request = requests.Request(method, url, data=form, headers={**_HEADERS, **(headers or {})}, auth=auth)
        response = self._transport.send(request.prepare())
        # JSON is UTF-8 (RFC 8259). Said outright because the library asks for the text, and guessing the encoding
        # of a hostile megabyte takes seconds.
        response.encoding = "utf-8"
        kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        self._answer = RawAnswer(status=response.status_code, headers=kept, body=response.text)
        return response

    def ask(self, send: Callable[[], object]) -> RawAnswer:
        """Run ``send`` and return the answer that came; raise OAuthFailure when none did.

        A transport may name its failure by a ``code`` attribute on the exception; its sentence is then ours to repeat.
        The text of any other exception may hold the whole URL and is dropped.
        """
        try:
            send()
        except requests.RequestException as error:
            code = getattr(error, "code", None)
            if isinstance(code, str):
                raise OAuthFailure(code, str(error)) from None
            if isinstance(error, requests.Timeout):
                raise OAuthFailure("timeout", "The server did not answer in time.") from None
            if isinstance(error, requests.exceptions.SSLError):
                raise OAuthFailure("tls", "No secure connection to the server could be made.") from None
            raise OAuthFailure("network", "The server could not be reached.") from None
        if self._answer is None:  # cannot be: a response always comes by `request`
            raise OAuthFailure("network", "The server gave no answer.")
        return self._answer
