"""What every room answers: which fields, what is valid, how it shows, how it authenticates, whether and how it renews.

A room sees plain values (`Material`), never a model: it can be read and tested without a database.
"""

import enum
import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

import requests
from django import forms

from credentials.oauth.client import Client, RawAnswer, Transport
from credentials.types.challenge import Challenge
from credentials.types.ending import Ends
from credentials.types.room_form import RoomForm

Values = Mapping[str, Any]


class NoToken(Exception):
    """This type authenticates a request in another way than by a token that could be handed out."""


@dataclass(frozen=True)
class Step:
    """One page of the wizard after the first. `form` is None where there is only something to read.

    `shows_summary`: a button beside the last one shows what was entered as it will stand on the credential's page.
    """

    slug: str
    label: str
    form: type[RoomForm] | None = None
    shows_redirect_uri: bool = False
    shows_summary: bool = False


@dataclass(frozen=True)
class Fact:
    """One line of a credential's page. A secret fact has no value: the page says "configured" or "not set"."""

    label: str
    value: str = ""
    secret: bool = False
    copyable: bool = False


@dataclass(frozen=True)
class UsableToken:
    """What a bot is handed: the token, its type (RFC 6749 §7.1), and the scope if it is known."""

    access_token: str = field(repr=False)
    token_type: str
    scope: str | None = None


@dataclass(frozen=True)
class EngineAccess:
    """What an NLU engine is trained with: who the engine is, where, and a token for it."""

    provider: str
    token: UsableToken = field(repr=False)
    endpoint: str
    project_id: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Material:
    """One credential in plaintext, in memory, for as long as one use takes."""

    payload: Values
    secrets: Values = field(repr=False)
    token: UsableToken | None = field(default=None, repr=False)


class Decorator(requests.auth.AuthBase):
    """Authenticates a request the way a room says (`requests.auth.AuthBase`)."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.headers)
        return request


class TokenLifeCycle(ABC):
    """How a type that holds OAuth 2.0 tokens gets the first one and the next ones. Every call raises `OAuthFailure`.

    `starts_by_itself`: the first token is obtained, by `renew`, when somebody asks for it; nobody authorizes before.
    """

    starts_by_itself: ClassVar[bool] = False

    def holds_token(self, payload: Values) -> bool:
        """Whether there is a token at all. Where there is none, the secrets are used as they are."""
        return True

    @abstractmethod
    def needs_consent(self, payload: Values) -> bool:
        """Whether a person has to go to the resource before there is anything to exchange."""

    @abstractmethod
    def uses_pkce(self, payload: Values) -> bool: ...

    @abstractmethod
    def authorization_url(self, material: Material, *, redirect_uri: str, state: str, verifier: str | None) -> str:
        """Where to send the person (RFC 6749 §4.1.1)."""

    @abstractmethod
    def obtain(
        self, material: Material, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer:
        """The first token. Without consent, `code`, `redirect_uri` and `verifier` are not used."""

    @abstractmethod
    def renew(self, material: Material, *, refresh_token: str, transport: Transport) -> RawAnswer:
        """The next token."""

    @abstractmethod
    def can_renew(self, payload: Values, *, has_refresh_token: bool) -> bool: ...

    @abstractmethod
    def endpoint(self, payload: Values) -> str:
        """The token endpoint (RFC 6749 §3.2)."""

    @abstractmethod
    def authorization_endpoint(self, payload: Values) -> str:
        """The authorization endpoint (RFC 6749 §3.1), or "" where none is used."""

    @abstractmethod
    def client(self, material: Material) -> Client:
        """Who is asking (RFC 6749 §2)."""

    @abstractmethod
    def requested_scope(self, payload: Values) -> str: ...


class TokenOwner(enum.Enum):
    """Whose token a request carries. The latter two take it from the account's consumer identity provider."""

    CREDENTIAL = enum.auto()
    CONSUMER = enum.auto()
    CONVERSATION = enum.auto()


class CredentialType(ABC):
    """One authentication type of the specification.

    `one_per_account`: there is at most one in all organizations of an account. `shared_callback`: its redirect URI is
    the account's, not one of its own.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    token_owner: ClassVar[TokenOwner] = TokenOwner.CREDENTIAL
    one_per_account: ClassVar[bool] = False
    shared_callback: ClassVar[bool] = False
    challenge: ClassVar[Challenge | None] = None
    life_cycle: ClassVar[TokenLifeCycle | None] = None
    attaches_to: ClassVar[Literal["integrations", "domains"]] = "integrations"
    # Follows "Expiring: ".
    ending: ClassVar[str] = "access ends soon and does not renew itself; authorize it again in time"

    def first_step_fields(self) -> dict[str, forms.Field]:
        """What this type asks beside Name and Authentication Type. Required only where this type is chosen."""
        return {}

    @abstractmethod
    def steps(self, first: Values) -> tuple[Step, ...]:
        """The steps after the first, given what was entered there."""

    @abstractmethod
    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        """(payload, secrets) from the cleaned values of all steps together."""

    @abstractmethod
    def entered(self, payload: Values) -> dict[str, Any]:
        """The opposite of `split` for what is not secret: initial values of the edit page."""

    @abstractmethod
    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        """How it shows. `configured` names the secrets that are stored."""

    def configured(self, payload: Values) -> tuple[str, ...]:
        """The secrets that are stored beside this payload."""
        return tuple(name for step in self.steps(payload) if step.form for name in step.form.secret)

    def warnings(self, payload: Values) -> list[str]:
        """Sentences that a person should read before they save it, and on its page."""
        return []

    def ends_at(self, payload: Values) -> datetime | None:
        """When it stops working unless a person replaces something; None where nothing of it ends."""
        return None

    def endings(self, payload: Values) -> list[Ends]:
        """What of the entered values ends when; access that a token brings is not among it."""
        return []

    def variant(self, payload: Values) -> str:
        """A word that tells two credentials of this type apart, such as the grant type; or ""."""
        return ""

    def hosts(self, payload: Values) -> frozenset[str]:
        """Every `scheme://host:port` that it leads to, with what for. A new entry demands the secrets again."""
        return frozenset()

    def invalidates(self, before: Values, after: Values, *, replaced: Sequence[str]) -> bool:
        """Whether an edit makes what was authorized before worthless."""
        return False

    @abstractmethod
    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        """What puts this credential on a request."""

    def ssl_context(self, material: Material) -> ssl.SSLContext | None:
        """The TLS context of a call, for a type that authenticates in the handshake."""
        return None

    @abstractmethod
    def attached(self, material: Material) -> list[str]:
        """What `authenticator` adds, said without secrets: "Authorization: Bearer ••••"."""

    @abstractmethod
    def token(self, material: Material) -> UsableToken:
        """What the token endpoint of the bots' API hands out. Raises `NoToken`."""

    def engine_access(self, material: Material) -> EngineAccess:
        """What a domain is trained with. Raises `NoToken` where this type does not attach to domains."""
        raise NoToken

    def secret_texts(self, material: Material) -> list[str]:
        """Every text of it that an answer which is shown must not repeat."""
        return [value for value in material.secrets.values() if isinstance(value, str) and value]

    def authorizable(self, payload: Values) -> bool:
        """Whether *Authorize* has anything to do."""
        return self.life_cycle is not None and self.life_cycle.holds_token(payload)

    @property
    def waits_for_authorization(self) -> bool:
        """Whether it cannot be used before somebody has authorized it."""
        return self.life_cycle is not None and not self.life_cycle.starts_by_itself

    @property
    def uses_identity_provider(self) -> bool:
        """Whether it is of no use before the account has a consumer identity provider."""
        return self.token_owner is not TokenOwner.CREDENTIAL

    @property
    def final_action(self) -> str:
        """The button that ends the wizard."""
        return "Authorize" if self.waits_for_authorization else "Save"
