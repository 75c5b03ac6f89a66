"""Mutual Authentication: TLS with a client certificate (RFC 8446 §4.4.2, RFC 5246 §7.4.6)."""

from credentials.types.mutual.room import MutualAuthentication

__all__ = ["MutualAuthentication"]
