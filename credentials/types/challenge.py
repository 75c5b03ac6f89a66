"""What a room answers whose token a consumer obtains in the middle of a conversation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]


class Challenge(ABC):
    """How a type sends a consumer to sign in during a conversation."""

    @abstractmethod
    def client_id(self, payload: Values) -> str:
        """Who asks (RFC 6749 §2.2), as the identity provider knows us."""

    @abstractmethod
    def authorization_url(
        self, payload: Values, *, redirect_uri: str, state: str, verifier: str | None, nonce: str
    ) -> str:
        """Where to send the consumer (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1)."""
