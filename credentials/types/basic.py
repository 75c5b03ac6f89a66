"""The room of Basic Authentication (RFC 7617): a user name and a password, sent with every request."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import requests
from django import forms

from credentials.types.base import CredentialType, Decorator, Fact, Material, Step, UsableToken, Values
from credentials.types.fields import OneLineField, SecretField
from credentials.types.room_form import RoomForm

TOKEN_TYPE = "Basic"  # noqa: S105 - the name of a scheme


class BasicForm(RoomForm):
    """User Name, User Password."""

    secret = ("user_password",)

    user_name = OneLineField(
        label="User Name", strip=False, help_text="The user name for the system to use to create the token."
    )
    user_password = SecretField(
        label="User Password", help_text="The password for the system to use to create the token."
    )

    def clean_user_name(self) -> str:
        value: str = self.cleaned_data["user_name"]
        if ":" in value:
            # RFC 7617 §2: the first colon is where the password begins.
            raise forms.ValidationError("A user name cannot hold a colon (:).", code="colon")
        return value


def encoded_pair(user_name: str, password: str) -> str:
    """RFC 7617 §2, in UTF-8 (§2.1): what most servers read, and the only encoding that holds every name."""
    return b64encode(f"{user_name}:{password}".encode()).decode("ascii")


class BasicAuthentication(CredentialType):
    """Basic Authentication. It names no host: where it is sent is the integration's to say."""

    kind = "basic_authentication"
    label = "Basic Authentication"
    icon = "person"

    def steps(self, first: Values) -> tuple[Step, ...]:
        return (Step("user", "User name and password", BasicForm),)

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"user_name": entered["user_name"]}, {"user_password": entered["user_password"]}

    def entered(self, payload: Values) -> dict[str, Any]:
        return dict(payload)

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return [
            Fact("User Name", payload["user_name"]),
            Fact("User Password", "configured" if "user_password" in configured else "not set", secret=True),
        ]

    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        return Decorator({"Authorization": f"{TOKEN_TYPE} {self.token(material).access_token}"})

    def attached(self, material: Material) -> list[str]:
        return [f"Authorization: {TOKEN_TYPE} ••••"]

    def token(self, material: Material) -> UsableToken:
        pair = encoded_pair(material.payload["user_name"], material.secrets["user_password"])
        return UsableToken(pair, TOKEN_TYPE)
