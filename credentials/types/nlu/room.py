"""The room of Third-party NLU. It attaches to domains only, and what it hands out is never the stored JSON."""

from collections.abc import Sequence
from typing import Any

import requests

from credentials.oauth.client import Client, RawAnswer, Transport
from credentials.outbound import origin
from credentials.types.base import (
    CredentialType,
    Decorator,
    EngineAccess,
    Fact,
    Material,
    NoToken,
    Step,
    TokenLifeCycle,
    UsableToken,
    Values,
)
from credentials.types.nlu import document
from credentials.types.nlu.forms import NluForm
from credentials.types.nlu.providers import Provider
from credentials.types.nlu.table import PROVIDERS


def provider_of(payload: Values) -> Provider:
    return PROVIDERS[payload["provider"]]


class NluLifeCycle(TokenLifeCycle):
    """Every token is asked for with the stored secret; the first one when a domain is first trained."""

    starts_by_itself = True

    def holds_token(self, payload: Values) -> bool:
        return provider_of(payload).exchanges(payload)

    def needs_consent(self, payload: Values) -> bool:
        return False

    def uses_pkce(self, payload: Values) -> bool:
        return False

    def authorization_url(self, material: Material, *, redirect_uri: str, state: str, verifier: str | None) -> str:
        raise LookupError("Nobody has to go to an NLU provider.")

    def obtain(
        self, material: Material, *, code: str, redirect_uri: str, verifier: str | None, transport: Transport
    ) -> RawAnswer:
        return self.renew(material, refresh_token="", transport=transport)

    def renew(self, material: Material, *, refresh_token: str, transport: Transport) -> RawAnswer:
        members = document.read(material.secrets["credentials"])
        return provider_of(material.payload).ask(members, material.payload, transport)

    def can_renew(self, payload: Values, *, has_refresh_token: bool) -> bool:
        return self.holds_token(payload)

    def endpoint(self, payload: Values) -> str:
        return provider_of(payload).token_endpoint(payload)

    def authorization_endpoint(self, payload: Values) -> str:
        return ""

    def client(self, material: Material) -> Client:
        payload = material.payload
        return Client(provider_of(payload).client_name(payload), "", self.endpoint(payload))

    def requested_scope(self, payload: Values) -> str:
        return provider_of(payload).scope


class ThirdPartyNlu(CredentialType):
    """Third-party NLU."""

    kind = "third_party_nlu"
    label = "Third-party NLU"
    icon = "cpu"
    life_cycle = NluLifeCycle()
    attaches_to = "domains"

    def steps(self, first: Values) -> tuple[Step, ...]:
        return (Step("provider", "Provider", NluForm),)

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        text, location = entered["credentials"], entered.get("location", "")
        placed = {"location": location} if location else {}
        if not text:
            # An edit that keeps them: what was read of them stands.
            kept = {name: value for name, value in entered.items() if name not in ("credentials", "location")}
            return kept | placed, {"credentials": ""}
        shown = PROVIDERS[entered["provider"]].read(document.read(text))
        return {"provider": entered["provider"], **shown, **placed}, {"credentials": text}

    def entered(self, payload: Values) -> dict[str, Any]:
        return {"location": "", **payload}

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return [
            Fact("NLU Provider", self.variant(payload)),
            Fact("Credentials", "configured" if "credentials" in configured else "not set", secret=True),
            *provider_of(payload).facts(payload),
        ]

    def variant(self, payload: Values) -> str:
        return provider_of(payload).label

    def hosts(self, payload: Values) -> frozenset[str]:
        provider = payload["provider"]
        names = provider_of(payload).addresses
        found = {f"{provider} {name} {origin(payload[name])}" for name in names if name in payload}
        # The JSON of one provider is of no use at another.
        return frozenset({provider, *found})

    def invalidates(self, before: Values, after: Values, *, replaced: Sequence[str]) -> bool:
        # A token is good in every location.
        return bool(replaced) or {**before, "location": ""} != {**after, "location": ""}

    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        token = self.engine_access(material).token
        return Decorator({"Authorization": f"{token.token_type} {token.access_token}"})

    def attached(self, material: Material) -> list[str]:
        return [f"Authorization: {self.engine_access(material).token.token_type} ••••"]

    def token(self, material: Material) -> UsableToken:
        """None for bots: it is handed out for a domain, with the endpoint that it is for."""
        raise NoToken

    def engine_access(self, material: Material) -> EngineAccess:
        payload, provider = material.payload, provider_of(material.payload)
        token = material.token or provider.permanent_token(document.read(material.secrets["credentials"]))
        if token is None:
            raise LookupError("An NLU credential was used before it had a token.")
        # RFC 6749 §7.1: the type is case-insensitive. Resources are stricter, so it is sent as RFC 6750 spells it.
        token_type = "Bearer" if token.token_type.lower() == "bearer" else token.token_type
        return EngineAccess(
            provider=payload["provider"],
            token=UsableToken(token.access_token, token_type, token.scope),
            endpoint=provider.endpoint(payload),
            project_id=provider.project_id(payload),
            location=payload.get("location"),
        )

    def secret_texts(self, material: Material) -> list[str]:
        text = str(material.secrets["credentials"])
        return [text, *provider_of(material.payload).secret_texts(document.read(text))]
