"""Metadata that an authorization server publishes about itself (RFC 8414, OpenID Connect Discovery 1.0)."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import BaseAdapter

from credentials.oauth.document import json_object

MAX_REQUESTS = 4
# The last words of an authorization endpoint's path in the servers that people run: what stands before them is the
# issuer (/realms/NAME/protocol/openid-connect/auth, /oauth2/NAME/v1/authorize, /adfs/oauth2/authorize, …).
_ENDPOINT_WORDS = frozenset(
    {"auth", "authorize", "authorization", "authorization.oauth2", "authz", "as", "connect", "login"}
    | {"oauth", "oauth2", "openid-connect", "protocol", "v1", "v2", "v2.0"}
)


@dataclass(frozen=True)
class Metadata:
    """``iss_parameter_supported``: the server puts ``iss`` into every authorization response (RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str | None
    revocation_endpoint: str | None
    iss_parameter_supported: bool
    userinfo_endpoint: str | None = None


def discover(auth_url: str, *, transport: BaseAdapter, budget: float) -> Metadata | None:
    """Return what the server of ``auth_url`` says about itself, or None. Never raises; at most MAX_REQUESTS requests.

    ``budget``: seconds for all requests together; what is left of it is the timeout of each, which the transport has
    to take as a total. A document is believed only when its ``authorization_endpoint`` is ``auth_url`` (its own query
    aside) and its ``issuer`` is the one whose well-known address gave it (RFC 8414 section 3.3).
    """
    ends = time.monotonic() + budget
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", transport)
        session.mount("http://", transport)
        for issuer, address in candidates(auth_url):
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                answer = session.get(
                    address, timeout=left, allow_redirects=False, headers={"Accept": "application/json"}
                )
            except requests.RequestException:
                continue
            found = _believed(json_object(answer), issuer, auth_url)
            if found:
                return found
    return None


def candidates(auth_url: str) -> list[tuple[str, str]]:
    """Return up to MAX_REQUESTS pairs of a possible issuer and the address of its document, likeliest first."""
    try:
        parts = urlsplit(auth_url)
    except ValueError:
        return []
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return []
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    segments = [segment for segment in parts.path.split("/") if segment]
    parent = segments[:-1]
    issuer = list(segments[:-1])
    while issuer and issuer[-1].lower() in _ENDPOINT_WORDS:
        issuer.pop()
    found: list[tuple[str, str]] = []
    for base in (issuer, [], parent):
        path = "".join(f"/{segment}" for segment in base)
        for address in (
            f"{origin}{path}/.well-known/openid-configuration",
            f"{origin}/.well-known/oauth-authorization-server{path}",
        ):
            if (origin + path, address) not in found:
                found.append((origin + path, address))
    return found[:MAX_REQUESTS]


def _believed(document: dict[str, Any] | None, issuer: str, auth_url: str) -> Metadata | None:
    if document is None:
        return None
    stated = _address(document.get("issuer"))
    endpoint = _address(document.get("authorization_endpoint"))
    if stated is None or stated.rstrip("/") != issuer:
        return None
    if endpoint is None or endpoint not in (auth_url, auth_url.partition("?")[0]):
        return None
    return Metadata(
        issuer=stated,
        authorization_endpoint=endpoint,
        token_endpoint=_address(document.get("token_endpoint")),
        revocation_endpoint=_address(document.get("revocation_endpoint")),
        iss_parameter_supported=document.get("authorization_response_iss_parameter_supported") is True,
        userinfo_endpoint=_address(document.get("userinfo_endpoint")),
    )


def _address(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > 2048 or not value.isprintable():
        return None
    return value if value.startswith(("https://", "http://")) else None
