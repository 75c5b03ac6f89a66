"""The two grants: what they ask for, and what they send to the token endpoint."""

from abc import ABC, abstractmethod
from typing import ClassVar

from credentials.oauth import client as oauth
from credentials.oauth.client import Client, RawAnswer, Transport
from credentials.types.base import Step
from credentials.types.oauth2.forms import AuthorizationCodeForm, ClientCredentialsForm


class Grant(ABC):
    """One grant of RFC 6749 §4."""

    label: ClassVar[str]
    needs_consent: ClassVar[bool]
    steps: ClassVar[tuple[Step, ...]]

    @abstractmethod
    def obtain(
        self, client: Client, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer: ...

    @abstractmethod
    def renew(self, client: Client, *, refresh_token: str, transport: Transport) -> RawAnswer: ...

    @abstractmethod
    def can_renew(self, *, has_refresh_token: bool) -> bool: ...


class AuthorizationCode(Grant):
    """RFC 6749 §4.1: a person consents at the resource; a refresh token, if issued, carries on (§6)."""

    label = "Authorization Code"
    needs_consent = True
    steps = (
        Step("redirect-uri", "Redirect URI", shows_redirect_uri=True),
        Step("resource", "Resource", AuthorizationCodeForm),
    )

    def obtain(
        self, client: Client, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer:
        return oauth.exchange_code(client, code=code, redirect_uri=redirect_uri, verifier=verifier, transport=transport)

    def renew(self, client: Client, *, refresh_token: str, transport: Transport) -> RawAnswer:
        return oauth.refresh(client, refresh_token=refresh_token, transport=transport)

    def can_renew(self, *, has_refresh_token: bool) -> bool:
        return has_refresh_token


class ClientCredentials(Grant):
    """RFC 6749 §4.4: the client's own credentials are enough, at the first time as at every other."""

    label = "Client Credentials"
    needs_consent = False
    steps = (Step("resource", "Resource", ClientCredentialsForm),)

    def obtain(
        self, client: Client, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer:
        return oauth.request_client_credentials(client, transport=transport)

    def renew(self, client: Client, *, refresh_token: str, transport: Transport) -> RawAnswer:
        # §4.4.3: a refresh token should not be issued here; asking anew is the renewal.
        return oauth.request_client_credentials(client, transport=transport)

    def can_renew(self, *, has_refresh_token: bool) -> bool:
        return True


GRANTS: dict[str, Grant] = {
    "authorization_code": AuthorizationCode(),
    "client_credentials": ClientCredentials(),
}
