"""OAuth 2.0 with the Authorization Code and the Client Credentials grant (RFC 6749 §4.1, §4.4)."""

from credentials.types.oauth2.room import OAuth2

__all__ = ["OAuth2"]
