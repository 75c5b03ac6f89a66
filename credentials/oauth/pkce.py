"""Proof Key for Code Exchange, method S256 (RFC 7636)."""

import base64
import hashlib
import secrets


def new_verifier() -> str:
    """Return a fresh code verifier: 43 unreserved characters made of 32 random bytes (RFC 7636 section 4.1)."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """Return the S256 code challenge of ``verifier``: base64url of its SHA-256, unpadded (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")
