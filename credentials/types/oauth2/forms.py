"""The fields of an OAuth 2.0 credential: labels and order are the specification's."""

from typing import Any

from django import forms

from credentials.outbound import check_url
from credentials.types.room_form import RoomForm

BASIC, BODY = "basic", "body"
# These the product itself sets on the way to the authorization endpoint (RFC 6749 §4.1.1, RFC 7636 §4.3).
RESERVED_PARAMETERS = frozenset(
    {
        "client_id",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    }
)
# And these at the token endpoint (RFC 6749 §4.4.2), or they belong to other ways to ask there (§4.1.3, §4.3.2, §6; RFC
# 7521 §4; RFC 7636 §4.5). Most of those are secrets, and what is typed here is shown.
RESERVED_TOKEN_PARAMETERS = frozenset(
    {
        "assertion",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "grant_type",
        "password",
        "redirect_uri",
        "refresh_token",
        "scope",
        "username",
    }
)
VISIBLE_ASCII = frozenset(chr(code) for code in range(0x20, 0x7F))


def parse_parameters(text: str) -> list[tuple[str, str]]:
    """`name=value` lines as pairs."""
    lines = (line.partition("=") for line in text.splitlines() if line.strip())
    return [(name.strip(), value.strip()) for name, _, value in lines]


def check_parameters(text: str, reserved: frozenset[str]) -> None:
    """Raises `forms.ValidationError` that names a line which is not of the form, or has one of the `reserved` names."""
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, _ = (part.strip() for part in line.partition("="))
        if line.strip() and not (name and equals):
            raise forms.ValidationError(f"Line {number} is not of the form name=value.", code="not_a_pair")
        if name in reserved:
            raise forms.ValidationError(f"Line {number}: {name} cannot be set here.", code="reserved")


class ParametersField(forms.CharField):
    """`name=value` lines that go along to `endpoint`; the names in `reserved` are not the person's to set."""

    def __init__(self, endpoint: str, example: str, reserved: frozenset[str], **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("max_length", 4000)
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}))
        kwargs["help_text"] = (
            f"Sent along to the {endpoint}, one name=value a line; for example {example}. A name may come twice. "
            "Not for secrets: they are shown."
        )
        super().__init__(**kwargs)
        self.reserved = reserved

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        check_parameters(text, self.reserved)
        return text


class EndpointField(forms.CharField):
    """A URL that the service itself will call or send a person to."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 2000)
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        url: str = super().clean(value)
        if url:
            try:
                check_url(url)
            except ValueError as refusal:
                raise forms.ValidationError(str(refusal), code="url") from refusal
        return url


class DayField(forms.DateField):
    """A day, as ISO 8601 text once it is cleaned: a draft and a payload hold JSON. "" where none is given."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)
        self.error_messages["invalid"] = "Enter a day as YYYY-MM-DD."

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day and not 2000 <= day.year < 2200:
            raise forms.ValidationError("Enter a day of this century or the next.", code="far_off")
        return day.isoformat() if day else ""


class ClientForm(RoomForm):
    """What both grants ask for."""

    secret = ("client_secret",)

    client_id = forms.CharField(
        label="Client ID",
        max_length=1000,
        help_text="A public ID that identifies the API client to the respective entity. "
        "Also called the consumer key/ID.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_secret = forms.CharField(
        label="Client Secret",
        max_length=4000,
        # Not stripped: a secret may begin or end with a space.
        strip=False,
        help_text="A private secret that only the client should have. Used for verifying the client's identity before "
        "providing an access token to the API. Also called the consumer secret.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    scope = forms.CharField(
        label="Scope",
        required=False,
        max_length=4000,
        help_text="Used to define the scope of the access granted by the token. For example, read_only at some "
        "resources means a token for APIs that read. This value is passed as is; it should conform to the OAuth 2.0 "
        "specification.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_authentication = forms.ChoiceField(
        label="Client authentication",
        choices=[(BASIC, "In the Authorization header (Basic)"), (BODY, "In the request body")],
        initial=BASIC,
        required=False,
        help_text="How the client ID and secret are sent to the Token URL.",
    )
    client_secret_expires_on = DayField(
        label="Secret expires on",
        required=False,
        help_text="Where the resource lets client secrets end: you are warned 30, 7 and 1 day before.",
    )

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

    def clean_scope(self) -> str:
        value: str = self.cleaned_data["scope"]
        if not set(value) <= VISIBLE_ASCII - {'"', "\\"}:
            raise forms.ValidationError(
                "A scope is a list of words separated by spaces, without quotes or backslashes.", code="characters"
            )
        return value

    def clean_client_authentication(self) -> str:
        return self.cleaned_data["client_authentication"] or BASIC


ENDPOINT_HELP = (
    "The resource URL (the token end point). Used to exchange the OAuth2 credentials{code} for an access token that "
    "will be used for making the secured API calls. Also used for refreshing the token when it expires."
)


class AuthorizationCodeForm(ClientForm):
    """Client ID, Client Secret, Scope, Auth URL, Token URL; the rest is behind "Advanced"."""

    advanced = ("use_pkce", "client_authentication", "authorization_parameters", "client_secret_expires_on")
    field_order = (
        "client_id",
        "client_secret",
        "scope",
        "auth_url",
        "token_url",
        "use_pkce",
        "client_authentication",
        "authorization_parameters",
        "client_secret_expires_on",
    )

    auth_url = EndpointField(
        label="Auth URL",
        help_text="The auth URL (the auth end point). Used to exchange the OAuth2 credentials for a code that is later "
        "exchanged for an access token. Used only during the authorization process, which usually happens once.",
    )
    token_url = EndpointField(
        label="Token URL", help_text=ENDPOINT_HELP.format(code=" plus the code that was received from the Auth URL")
    )
    use_pkce = forms.BooleanField(
        label="Use PKCE",
        required=False,
        initial=True,
        help_text="Proof Key for Code Exchange (S256). Switch it off only for a provider that rejects it.",
    )
    authorization_parameters = ParametersField(
        "Auth URL", "access_type=offline", RESERVED_PARAMETERS, label="Authorization parameters"
    )


class ClientCredentialsForm(ClientForm):
    """Client ID, Client Secret, Scope, Token URL; the rest is behind "Advanced"."""

    advanced = ("client_authentication", "token_parameters", "client_secret_expires_on")
    field_order = (
        "client_id",
        "client_secret",
        "scope",
        "token_url",
        "client_authentication",
        "token_parameters",
        "client_secret_expires_on",
    )

    token_url = EndpointField(label="Token URL", help_text=ENDPOINT_HELP.format(code=""))
    token_parameters = ParametersField(
        "Token URL", "audience=orders-api", RESERVED_TOKEN_PARAMETERS, label="Token parameters"
    )
