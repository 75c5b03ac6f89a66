"""What an NLU provider has to say: which JSON it hands out, and how that turns into a short-lived token."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from credentials.oauth.client import RawAnswer, Transport
from credentials.types.base import Fact, UsableToken, Values


class Provider(ABC):
    """One NLU provider. `document` is the parsed JSON; `payload` is what `read` took from it to be shown."""

    label: ClassVar[str]
    # Of the payload: where the secret, or what is made of it, is sent.
    addresses: ClassVar[tuple[str, ...]]
    # Whether a person may say in which region the engine is; `payload["location"]` then.
    has_locations: ClassVar[bool] = False
    # RFC 6749 §3.3; asked for by `ask` where it is not empty.
    scope: ClassVar[str] = ""

    @abstractmethod
    def read(self, document: dict[str, Any]) -> dict[str, Any]:
        """What may be shown of it. Raises `Unfit` where something is missing or wrong."""

    @abstractmethod
    def secret_texts(self, document: dict[str, Any]) -> list[str]:
        """What an answer must not be quoted with."""

    @abstractmethod
    def facts(self, payload: Values) -> list[Fact]: ...

    @abstractmethod
    def client_name(self, payload: Values) -> str:
        """By which name the provider knows whoever asks."""

    @abstractmethod
    def token_endpoint(self, payload: Values) -> str: ...

    @abstractmethod
    def endpoint(self, payload: Values) -> str:
        """Where the engine itself is."""

    @abstractmethod
    def ask(self, document: dict[str, Any], payload: Values, transport: Transport) -> RawAnswer:
        """Exchange the secret for a token. Raises `OAuthFailure`."""

    def permanent_token(self, document: dict[str, Any]) -> UsableToken | None:
        """A token that is made of the secret itself, where the provider exchanges none."""
        return None

    def exchanges(self, payload: Values) -> bool:
        """Whether there is a token to be obtained."""
        return True

    def project_id(self, payload: Values) -> str | None:
        return None
