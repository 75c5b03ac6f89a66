"""The fields of a consumer identity provider."""

from typing import Any

from django import forms

from credentials.models.identity_provider import Flow, Verification
from credentials.oauth.id_token import UnusableKeys, keys_from_pem
from credentials.outbound import check_url
from credentials.types.oauth2.forms import BASIC, BODY, VISIBLE_ASCII, EndpointField
from credentials.types.room_form import RoomForm


class IdentityProviderForm(RoomForm):
    """As the account's administrator knows them from the identity provider's own settings."""

    secret = ("client_secret",)
    advanced = ("client_authentication",)

    issuer = forms.CharField(
        label="JWT issuer",
        max_length=2000,
        help_text="The identity provider's own name for itself, exactly as it stands in its ID tokens (iss). Upper and "
        "lower case count.",
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    display_name = forms.CharField(
        label="Issuer display name", max_length=255, help_text="What consumers and colleagues read."
    )
    flow = forms.ChoiceField(
        label="Flow",
        choices=Flow.choices,
        initial=Flow.CODE,
        help_text="Implicit: your page hands over an ID token. Code: it hands over an authorization code.",
    )
    use_pkce = forms.BooleanField(
        label="PKCE supported",
        required=False,
        initial=True,
        help_text="For Code: the identity provider supports Proof Key for Code Exchange (S256).",
    )
    authorization_endpoint = EndpointField(
        label="Authentication endpoint", help_text="Where consumers sign in (the authorization end point)."
    )
    token_endpoint = EndpointField(
        label="Token endpoint",
        required=False,
        help_text="For Code: where a code is exchanged for tokens and where they are renewed.",
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=1000,
        help_text="How Bot Accounts is registered at the identity provider.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_secret = forms.CharField(
        label="Client Secret",
        required=False,
        max_length=4000,
        strip=False,
        help_text="For Code: used in the access token request.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    verification = forms.ChoiceField(
        label="ID tokens are verified by",
        choices=Verification.choices,
        initial=Verification.JWKS,
    )
    jwks_url = EndpointField(
        label="JWKS endpoint", required=False, help_text="Where the identity provider publishes its keys."
    )
    public_key = forms.CharField(
        label="JWT public key",
        required=False,
        max_length=16_000,
        help_text="In PEM form, beginning with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----.",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "mono"}),
    )
    client_authentication = forms.ChoiceField(
        label="Client authentication",
        choices=[(BASIC, "In the Authorization header (Basic)"), (BODY, "In the request body")],
        initial=BASIC,
        required=False,
        help_text="How the client ID and secret are sent to the Token endpoint.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def clean_issuer(self) -> str:
        value: str = self.cleaned_data["issuer"]
        try:
            check_url(value)
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal), code="url") from refusal
        return value

    def clean_client_id(self) -> str:
        value: str = self.cleaned_data["client_id"]
        if not set(value) <= VISIBLE_ASCII:
            raise forms.ValidationError("A client ID holds visible ASCII characters only.", code="characters")
        return value

    def clean_client_secret(self) -> str:
        value: str = self.cleaned_data["client_secret"]
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
            raise forms.ValidationError("A client secret has no line breaks or control characters.", code="characters")
        return value

    def clean_client_authentication(self) -> str:
        return self.cleaned_data["client_authentication"] or BASIC

    def clean_public_key(self) -> str:
        value: str = self.cleaned_data["public_key"]
        if value:
            try:
                keys_from_pem(value)
            except UnusableKeys as refusal:
                raise forms.ValidationError(str(refusal), code="key") from refusal
        return value

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("flow") == Flow.CODE:
            self._demand("token_endpoint", "The Code flow needs the token endpoint.")
            if "client_secret" not in self.configured_fields:
                self._demand("client_secret", "The Code flow needs the client secret.")
        if cleaned.get("verification") == Verification.JWKS:
            self._demand("jwks_url", "Enter the JWKS endpoint, or choose the JWT public key.")
        elif cleaned.get("verification") == Verification.PUBLIC_KEY:
            self._demand("public_key", "Paste the JWT public key, or choose the JWKS endpoint.")
        return cleaned

    def _demand(self, field: str, sentence: str) -> None:
        if field not in self.errors and not self.cleaned_data.get(field):
            self.add_error(field, forms.ValidationError(sentence, code="required"))

    def keep_errors_of(self, field: str) -> None:
        """Say nothing of what has not been asked yet."""
        for name in [name for name in self.errors if name != field]:
            del self.errors[name]
