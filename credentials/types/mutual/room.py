"""The room of Mutual Authentication."""

import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import requests

from credentials.types.base import CredentialType, Fact, Material, NoToken, Step, UsableToken, Values
from credentials.types.ending import Ends
from credentials.types.mutual import context, describe
from credentials.types.mutual.forms import KEY, TRUST, MutualForm

PAYLOAD_FIELDS = ("protocols", "key", "trust")


class OverTls(requests.auth.AuthBase):
    """Adds nothing to the request: the certificate is shown in the handshake. Refuses a request that has none."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not str(request.url).lower().startswith("https://"):
            raise requests.exceptions.InvalidSchema("A client certificate can be shown over https:// only.")
        return request


class MutualAuthentication(CredentialType):
    """A client certificate, and whom to trust.

    Sealed are the opened key with its chain, and the certificates to trust; neither the files nor their passwords.
    """

    kind = "mutual_authentication"
    label = "Mutual Authentication"
    icon = "file-earmark-lock"
    ending = "its key certificate ends soon; choose Edit and upload a new one in time"

    def steps(self, first: Values) -> tuple[Step, ...]:
        return (Step("certificates", "Certificates", MutualForm, shows_summary=True),)

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        payload = {name: entered.get(name) for name in PAYLOAD_FIELDS}
        return payload, {name: opened_of(entered.get(name)) for name in (KEY, TRUST)}

    def entered(self, payload: Values) -> dict[str, Any]:
        return dict(payload)

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return describe.facts(payload, configured)

    def warnings(self, payload: Values) -> list[str]:
        return describe.warnings(payload)

    def configured(self, payload: Values) -> tuple[str, ...]:
        return (KEY, TRUST) if payload.get("trust") else (KEY,)

    def ends_at(self, payload: Values) -> datetime | None:
        return datetime.fromisoformat(payload["key"]["not_after"])

    def endings(self, payload: Values) -> list[Ends]:
        return describe.endings(payload)

    def ssl_context(self, material: Material) -> ssl.SSLContext | None:
        stored = material.secrets
        return context.build(material.payload["protocols"], stored[KEY], context.trusted_of(stored))

    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        return OverTls()

    def attached(self, material: Material) -> list[str]:
        return [f"TLS client certificate: {material.payload['key']['subject']}, private key ••••"]

    def token(self, material: Material) -> UsableToken:
        raise NoToken


def opened_of(value: Any) -> Any:
    """What a file holds, without the file; "" where none was given."""
    return value.get("opened", value) if value else ""
