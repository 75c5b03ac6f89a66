"""The room of Access Token: a token that somebody has been given, sent with every request."""

import re
from collections.abc import Sequence
from typing import Any

import requests
from django import forms

from credentials.types.base import CredentialType, Decorator, Fact, Material, Step, UsableToken, Values
from credentials.types.fields import SecretField, SuggestingField
from credentials.types.room_form import RoomForm

# RFC 9110 §11.1: the scheme is a token (§5.6.2).
TOKEN_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# Behind it stands a token68 or a list of parameters (§11.4), which may hold spaces and quotes.
ACCESS_TOKEN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class AccessTokenForm(RoomForm):
    """Access Token, Token Type."""

    secret = ("access_token",)

    access_token = SecretField(label="Access Token", strip=True, help_text="The token.")
    token_type = SuggestingField(
        label="Token Type",
        suggestions=("Bearer", "Basic"),
        help_text="The type of token; typically Bearer or Basic. Another type that the resource asks for can be typed.",
    )

    def clean_access_token(self) -> str:
        value: str = self.cleaned_data["access_token"]
        if value and not ACCESS_TOKEN.fullmatch(value):
            raise forms.ValidationError(
                "An access token holds visible ASCII characters only. Has something else been pasted along?",
                code="characters",
            )
        return value

    def clean_token_type(self) -> str:
        value: str = self.cleaned_data["token_type"]
        if not TOKEN_TYPE.fullmatch(value):
            raise forms.ValidationError(
                "A token type is one word without spaces, of letters, digits and - . _ ~ ! # $ % & ' * + ^ ` |.",
                code="characters",
            )
        return value


class AccessToken(CredentialType):
    """Access Token. It names no host: where it is sent is the integration's to say."""

    kind = "access_token"
    label = "Access Token"
    icon = "ticket-perforated"

    def steps(self, first: Values) -> tuple[Step, ...]:
        return (Step("token", "Token", AccessTokenForm),)

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"token_type": entered["token_type"]}, {"access_token": entered["access_token"]}

    def entered(self, payload: Values) -> dict[str, Any]:
        return dict(payload)

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return [
            Fact("Access Token", "configured" if "access_token" in configured else "not set", secret=True),
            Fact("Token Type", payload["token_type"]),
        ]

    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        token = self.token(material)
        return Decorator({"Authorization": f"{token.token_type} {token.access_token}"})

    def attached(self, material: Material) -> list[str]:
        return [f"Authorization: {material.payload['token_type']} ••••"]

    def token(self, material: Material) -> UsableToken:
        return UsableToken(material.secrets["access_token"], material.payload["token_type"])
