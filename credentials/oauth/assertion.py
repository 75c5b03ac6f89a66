"""A JWT that says who asks for a token (RFC 7523), signed with RS256 (RFC 7518 section 3.3)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 3600
# A clock that is fast must not sign for the future.
BACKDATED_SECONDS = 300


def sign(
    key: RSAPrivateKey, *, key_id: str, issuer: str, audience: str, now: float, claims: Mapping[str, str] | None = None
) -> str:
    """Return the assertion of ``issuer`` for the token endpoint ``audience``. ``now``: seconds since 1970.

    It is good for an hour, counted from five minutes ago. An empty ``key_id`` is left out.
    """
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    issued_at = int(now) - BACKDATED_SECONDS
    body = {
        **(claims or {}),
        "iss": issuer,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
    }
    signed = f"{_part(header)}.{_part(body)}"
    return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()
