"""The ``state`` of an authorization request, and other one-time handles of which only a digest is stored."""

import hashlib
import hmac
import secrets


def new_state() -> str:
    """Return 256 random bits as 43 URL-safe characters; providers that cut ``state`` do so at 64 or later."""
    return secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """Return the SHA-256 of ``value`` as 64 hexadecimal characters: what is stored and looked up instead of it."""
    # A browser may send bytes that are no text; they must give a digest (that matches nothing), not an error.
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def matches(value: str, expected: str) -> bool:
    """Tell in constant time whether ``value`` is the one whose digest is ``expected``."""
    return hmac.compare_digest(digest(value).encode("ascii"), expected.encode("utf-8", "surrogatepass"))
