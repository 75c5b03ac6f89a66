"""The room of OAuth 2.0: both grants in one type, as the specification has it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms

from credentials.oauth import client as oauth
from credentials.oauth.client import Client, RawAnswer, Transport
from credentials.outbound import origin
from credentials.types.base import Fact, Material, Step, TokenLifeCycle, Values
from credentials.types.bearer import CarriesToken
from credentials.types.ending import Ends
from credentials.types.oauth2.forms import BASIC, BODY, parse_parameters
from credentials.types.oauth2.grants import GRANTS, Grant

PAYLOAD_FIELDS = (
    "grant_type",
    "client_id",
    "scope",
    "auth_url",
    "token_url",
    "use_pkce",
    "client_authentication",
    "authorization_parameters",
    "token_parameters",
)
SECRET_ENDS = "client_secret_expires_on"  # noqa: S105 - the name of a field
# Whoever changes one of these has to authorize again: what was granted was granted to the values before.
BINDING_FIELDS = (
    "grant_type",
    "client_id",
    "scope",
    "auth_url",
    "token_url",
    "authorization_parameters",
    "token_parameters",
)


def grant_of(payload: Values) -> Grant:
    return GRANTS[payload["grant_type"]]


def client_of(material: Material) -> Client:
    """The client (RFC 6749 §2) that a credential describes."""
    payload = material.payload
    return Client(
        client_id=payload["client_id"],
        client_secret=material.secrets.get("client_secret", ""),
        token_url=payload["token_url"],
        authentication="body" if payload.get("client_authentication") == BODY else "basic",
        scope=payload.get("scope", ""),
        parameters=tuple(parse_parameters(payload.get("token_parameters", ""))),
    )


class OAuth2LifeCycle(TokenLifeCycle):
    """Asks the grant that the payload names."""

    def needs_consent(self, payload: Values) -> bool:
        return grant_of(payload).needs_consent

    def uses_pkce(self, payload: Values) -> bool:
        return bool(payload.get("use_pkce", True))

    def authorization_url(self, material: Material, *, redirect_uri: str, state: str, verifier: str | None) -> str:
        payload = material.payload
        return oauth.authorization_url(
            auth_url=payload["auth_url"],
            client_id=payload["client_id"],
            redirect_uri=redirect_uri,
            scope=payload.get("scope", ""),
            state=state,
            verifier=verifier,
            extra=parse_parameters(payload.get("authorization_parameters", "")),
        )

    def obtain(
        self, material: Material, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer:
        return grant_of(material.payload).obtain(
            client_of(material), code=code, redirect_uri=redirect_uri, verifier=verifier, transport=transport
        )

    def renew(self, material: Material, *, refresh_token: str, transport: Transport) -> RawAnswer:
        return grant_of(material.payload).renew(client_of(material), refresh_token=refresh_token, transport=transport)

    def can_renew(self, payload: Values, *, has_refresh_token: bool) -> bool:
        return grant_of(payload).can_renew(has_refresh_token=has_refresh_token)

    def endpoint(self, payload: Values) -> str:
        return str(payload["token_url"])

    def authorization_endpoint(self, payload: Values) -> str:
        return str(payload.get("auth_url", ""))

    def client(self, material: Material) -> Client:
        return client_of(material)

    def requested_scope(self, payload: Values) -> str:
        return str(payload.get("scope", ""))


class OAuth2(CarriesToken):
    """OAuth 2.0 (RFC 6749), the token sent as a bearer token (RFC 6750 §2.1)."""

    kind = "oauth2"
    label = "OAuth 2.0"
    icon = "shield-lock"
    life_cycle = OAuth2LifeCycle()

    def first_step_fields(self) -> dict[str, forms.Field]:
        return {
            "grant_type": forms.ChoiceField(
                label="Grant Type",
                choices=[("", "Select a grant type"), *((value, grant.label) for value, grant in GRANTS.items())],
                help_text="Authorization Code uses the client's credentials plus an authorization code; "
                "Client Credentials uses just the client's credentials.",
            )
        }

    def steps(self, first: Values) -> tuple[Step, ...]:
        return grant_of(first).steps

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        payload = {name: entered[name] for name in PAYLOAD_FIELDS if name in entered}
        if entered.get(SECRET_ENDS):
            payload[SECRET_ENDS] = entered[SECRET_ENDS]
        return payload, {"client_secret": entered["client_secret"]}

    def entered(self, payload: Values) -> dict[str, Any]:
        return {SECRET_ENDS: "", **payload}

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        facts = [
            Fact("Grant Type", self.variant(payload)),
            Fact("Client ID", payload["client_id"], copyable=True),
            Fact("Client Secret", "configured" if "client_secret" in configured else "not set", secret=True),
            Fact("Scope", payload.get("scope") or "none"),
        ]
        if payload.get("auth_url"):
            facts.append(Fact("Auth URL", payload["auth_url"]))
        facts.append(Fact("Token URL", payload["token_url"]))
        if payload.get(SECRET_ENDS):
            facts.append(Fact("Secret expires on", payload[SECRET_ENDS]))
        if grant_of(payload).needs_consent and not self.life_cycle.uses_pkce(payload):
            facts.append(Fact("PKCE", "off"))
        if payload.get("client_authentication", BASIC) != BASIC:
            facts.append(Fact("Client authentication", "in the request body"))
        for name, label in (
            ("authorization_parameters", "Authorization parameters"),
            ("token_parameters", "Token parameters"),
        ):
            if payload.get(name):
                facts.append(Fact(label, payload[name]))
        return facts

    def endings(self, payload: Values) -> list[Ends]:
        # A day has no hour: the earliest one that the resource may mean.
        day = payload.get(SECRET_ENDS)
        return [Ends("Client secret", datetime.fromisoformat(day).replace(tzinfo=UTC))] if day else []

    def variant(self, payload: Values) -> str:
        return grant_of(payload).label

    def hosts(self, payload: Values) -> frozenset[str]:
        # With the purpose: the host of the Auth URL, which never sees the secret, may not become that of the Token URL.
        return frozenset(f"{name} {origin(payload[name])}" for name in ("auth_url", "token_url") if payload.get(name))

    def invalidates(self, before: Values, after: Values, *, replaced: Sequence[str]) -> bool:
        return bool(replaced) or any(before.get(name, "") != after.get(name, "") for name in BINDING_FIELDS)
