"""Consumer Authentication: the consumer signs in during the conversation, by a link that the bot sends."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django import forms

from credentials.oauth import client as oauth
from credentials.outbound import origin
from credentials.types.base import Fact, Step, TokenOwner, Values
from credentials.types.bearer import CarriesToken
from credentials.types.challenge import Challenge
from credentials.types.oauth2.forms import EndpointField
from credentials.types.room_form import RoomForm

# The specification's list of parameters has one spelling and its example the other. `redirect_uri` is what is sent.
REDIRECT = ("redirect_uri", "redirectedCode")
# Ours to say, each time anew.
OURS = frozenset({"redirectedCode", "nonce", "state", "code_challenge", "code_challenge_method"})


class AuthenticationForm(RoomForm):
    """The address that the consumer is sent to, with everything that the identity provider wants to know."""

    authentication_url = EndpointField(
        label="Authentication URL",
        widget=forms.Textarea(attrs={"rows": 4, "inputmode": "url", "spellcheck": "false", "class": "mono"}),
        help_text="The authentication endpoint to be sent to the consumer in order to obtain an access token that is "
        "sent to the bot. The URL is provided by the resource provider. It must include client_id, response_type=code, "
        "redirect_uri (the Redirect URI on this page), and scope.",
    )

    def clean_authentication_url(self) -> str:
        url: str = self.cleaned_data["authentication_url"]
        query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        errors = [
            *missing(query, "client_id", "scope"),
            *wrong_response_type(query),
            *wrong_redirect(query, self.redirect_uri),
            *twice(query),
        ]
        if errors:
            raise forms.ValidationError([forms.ValidationError(error, code="parameter") for error in errors])
        return url


def missing(query: Sequence[tuple[str, str]], *names: str) -> list[str]:
    given = dict(query)
    return [f"The parameter {name} is missing or empty." for name in names if not given.get(name, "").strip()]


def wrong_response_type(query: Sequence[tuple[str, str]]) -> list[str]:
    said = dict(query).get("response_type")
    if said is None:
        return ["The parameter response_type=code is missing."]
    return [] if said == "code" else ["The parameter response_type must be code."]


def wrong_redirect(query: Sequence[tuple[str, str]], expected: str) -> list[str]:
    given = [(name, value) for name, value in query if name in REDIRECT]
    if not given:
        return [f"The parameter redirect_uri is missing. It must be {expected}"]
    return [f"The parameter {name} must be exactly {expected}" for name, value in given if value != expected]


def twice(query: Sequence[tuple[str, str]]) -> list[str]:
    names = [name for name, _ in query]
    checked = ("client_id", "response_type", "scope", *REDIRECT)
    return [f"The parameter {name} stands there more than once." for name in checked if names.count(name) > 1]


class AuthenticationChallenge(Challenge):
    """Sends the consumer to the Authentication URL, with a state, a nonce and, where it can, PKCE."""

    def client_id(self, payload: Values) -> str:
        return dict(parse_qsl(urlsplit(payload["authentication_url"]).query)).get("client_id", "")

    def authorization_url(
        self, payload: Values, *, redirect_uri: str, state: str, verifier: str | None, nonce: str
    ) -> str:
        parts = urlsplit(payload["authentication_url"])
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in OURS]
        return oauth.authorization_url(
            auth_url=urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), "")),
            client_id=self.client_id(payload),
            redirect_uri=redirect_uri,
            scope="",
            state=state,
            verifier=verifier,
            extra=[("nonce", nonce)],
        )


class ConsumerAuthentication(CarriesToken):
    """The token is obtained with the account's identity provider and belongs to one conversation."""

    kind = "consumer_authentication"
    label = "Consumer Authentication"
    icon = "person-badge"
    token_owner = TokenOwner.CONVERSATION
    shared_callback = True
    challenge: ClassVar[Challenge | None] = AuthenticationChallenge()

    def steps(self, first: Values) -> tuple[Step, ...]:
        return (Step("authentication", "Authentication URL", AuthenticationForm, shows_redirect_uri=True),)

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"authentication_url": entered["authentication_url"]}, {}

    def entered(self, payload: Values) -> dict[str, Any]:
        return dict(payload)

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return [Fact("Authentication URL", payload["authentication_url"], copyable=True)]

    def hosts(self, payload: Values) -> frozenset[str]:
        return frozenset({f"authentication_url {origin(payload['authentication_url'])}"})
