"""Who granted access: by the claims of an ID token, or by the userinfo endpoint (OpenID Connect Core 1.0 §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import BaseAdapter

from credentials.oauth.document import json_object
from credentials.oauth.id_token import MAX_SUBJECT

MAX_NAME = 255
# What a person knows an account by, the most telling first (§5.1).
NAMES = ("email", "preferred_username", "name")


@dataclass(frozen=True)
class Account:
    """`issuer` and `subject` together are who it is (§5.7); `name` is for people's eyes and may be ""."""

    issuer: str
    subject: str
    name: str = ""


def account_of(claims: Mapping[str, Any], issuer: str) -> Account | None:
    """The account that claims of `issuer` name; None where they name none."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        return None
    names = (claims.get(name) for name in NAMES)
    fit = (name for name in names if isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable())
    return Account(issuer, subject, next(fit, ""))


def ask_userinfo(url: str, access_token: str, *, transport: BaseAdapter, seconds: float) -> Mapping[str, Any] | None:
    """The claims that the userinfo endpoint answers with, or None. Never raises.

    ``seconds``: for the whole answer, which the transport has to take as a total. A signed answer (a JWT) is not read.
    """
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", transport)
        session.mount("http://", transport)
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            answer = session.get(url, timeout=seconds, allow_redirects=False, headers=headers)
        except requests.RequestException:
            return None
    return json_object(answer)
