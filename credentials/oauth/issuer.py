"""What an issuer publishes about itself (OpenID Connect Discovery 1.0 §4, RFC 8414 §3), asked for by its own name."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import BaseAdapter

from credentials.oauth.document import json_object

MAX_ADDRESS = 2048


@dataclass(frozen=True)
class IssuerMetadata:
    """What fills in the settings of an identity provider; "" where the document does not say."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    pkce_supported: bool


def ask_issuer(issuer: str, *, transport: BaseAdapter, budget: float) -> IssuerMetadata | None:
    """Return the issuer's document, or None. Never raises.

    ``budget``: seconds for both addresses together. A document is believed only when it names this very issuer
    (Discovery §4.3).
    """
    ends = time.monotonic() + budget
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", transport)
        session.mount("http://", transport)
        for address in addresses(issuer):
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                answer = session.get(
                    address, timeout=left, allow_redirects=False, headers={"Accept": "application/json"}
                )
            except requests.RequestException:
                continue
            document = json_object(answer)
            if document is not None and document.get("issuer") == issuer:
                return _metadata(issuer, document)
    return None


def addresses(issuer: str) -> list[str]:
    """Where the document is: after the issuer's path, and (RFC 8414 §3.1) before it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    return [
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    ]


def _metadata(issuer: str, document: dict[str, Any]) -> IssuerMetadata:
    methods = document.get("code_challenge_methods_supported")
    return IssuerMetadata(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        pkce_supported=isinstance(methods, list) and "S256" in methods,
    )


def _address(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or len(value) > MAX_ADDRESS or not value.isprintable():
        return ""
    return value if value.startswith(("https://", "http://")) else ""
