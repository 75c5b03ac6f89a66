"""The fields of an OAuth 2.0 credential, and what it does with a token."""

import pytest
import requests
from pytest_django.fixtures import Settings

from credentials.types.base import Material, UsableToken
from credentials.types.registry import room
from tests.types.contract import Sample
from tests.types.oauth2_samples import AUTHORIZATION_CODE, CLIENT_CREDENTIALS

BOTH = pytest.mark.parametrize("sample", [AUTHORIZATION_CODE, CLIENT_CREDENTIALS], ids=str)

HELP = {
    "client_id": "A public ID that identifies the API client to the respective entity. "
    "Also called the consumer key/ID.",
    "client_secret": "A private secret that only the client should have. "
    "Used for verifying the client's identity before providing an access token to the API. "
    "Also called the consumer secret.",
    "scope": "Used to define the scope of the access granted by the token. "
    "For example, read_only at some resources means a token for APIs that read. "
    "This value is passed as is; it should conform to the OAuth 2.0 specification.",
}


@BOTH
def test_the_help_says_what_the_specification_says(sample: Sample) -> None:
    fields = sample.form("resource").fields
    assert {name: str(fields[name].help_text) for name in HELP} == HELP
    assert "Also used for refreshing the token when it expires." in str(fields["token_url"].help_text)
    assert not fields["scope"].required


def test_the_help_of_the_urls_says_which_exchange_each_is_for() -> None:
    fields = AUTHORIZATION_CODE.form("resource").fields
    assert "for a code that is later exchanged for an access token" in str(fields["auth_url"].help_text)
    assert "plus the code that was received from the Auth URL" in str(fields["token_url"].help_text)
    assert "plus the code" not in str(CLIENT_CREDENTIALS.form("resource").fields["token_url"].help_text)


def test_what_the_specification_does_not_know_stands_behind_advanced() -> None:
    assert AUTHORIZATION_CODE.form("resource").advanced_fields == (
        "use_pkce",
        "client_authentication",
        "authorization_parameters",
        "client_secret_expires_on",
    )
    advanced = CLIENT_CREDENTIALS.form("resource").advanced_fields
    assert advanced == ("client_authentication", "token_parameters", "client_secret_expires_on")


def test_promise_11_pkce_is_on_and_the_secret_goes_into_the_header_unless_somebody_says_otherwise() -> None:
    fields = AUTHORIZATION_CODE.form("resource").fields
    assert fields["use_pkce"].initial is True
    form = AUTHORIZATION_CODE.form("resource", client_authentication="")
    assert form.is_valid()
    assert form.cleaned_data["client_authentication"] == "basic"


@BOTH
def test_a_client_secret_is_kept_to_the_letter(sample: Sample) -> None:
    assert sample.entered()["client_secret"] == " canary p%a+s:s word/&=? "


@BOTH
@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://as.example.com/token",
        "file:///etc/passwd",
        "http://as.example.com/token",
        "//as.example.com/token",
        "as.example.com/token",
        "https://",
        "https://user:password@as.example.com/token",
        "https://as.example.com/token#fragment",
        "https://as.example.com/to\r\nken",
        "https://" + "a" * 3000,
    ],
)
def test_promise_08_an_address_is_https_and_nothing_else(sample: Sample, address: str) -> None:
    for name in {"auth_url", "token_url"} & set(sample.form("resource").fields):
        assert name in sample.form("resource", **{name: address}).errors


@BOTH
def test_plain_http_is_let_through_where_the_operator_named_the_place(sample: Sample, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:8082"]
    for name in {"auth_url", "token_url"} & set(sample.form("resource").fields):
        assert name not in sample.form("resource", **{name: "http://127.0.0.1:8082/o/"}).errors
        assert name in sample.form("resource", **{name: "http://127.0.0.1:8083/o/"}).errors


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "id\nX"),
        ("client_id", "клиент"),
        ("client_secret", "two\r\nlines"),
        ("client_secret", "nul\x00"),
        ("client_secret", "x" * 4001),
        ("scope", 'a "b"'),
        ("scope", "a\\b"),
        ("scope", "a\nb"),
        ("client_authentication", "guess"),
    ],
)
def test_what_no_resource_could_read_is_refused_at_its_field(sample: Sample, field: str, value: str) -> None:
    assert list(sample.form("resource", **{field: value}).errors) == [field]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt", "Line 1"),
        ("a=b\n=c", "Line 2"),
        ("a=b\n\nstate=mine", "Line 3: state cannot be set here."),
        ("redirect_uri=https://evil.example", "redirect_uri"),
        ("code_challenge=x", "code_challenge"),
        ("client_secret=x", "client_secret"),
        ("scope=all", "scope"),
    ],
)
def test_an_authorization_parameter_that_cannot_be_is_named_by_its_line(text: str, said: str) -> None:
    errors = AUTHORIZATION_CODE.form("resource", authorization_parameters=text).errors
    assert said in str(errors["authorization_parameters"])


@pytest.mark.parametrize("name", ["client_id", "client_secret", "grant_type", "scope", "password", "client_assertion"])
def test_a_token_parameter_that_the_product_sets_is_refused_at_its_line(name: str) -> None:
    errors = CLIENT_CREDENTIALS.form("resource", token_parameters=f"audience=x\n{name}=y").errors
    assert f"Line 2: {name} cannot be set here." in str(errors["token_parameters"])


def test_authorization_parameters_go_along_to_the_auth_url() -> None:
    payload, secrets = AUTHORIZATION_CODE.room.split(AUTHORIZATION_CODE.entered())
    life_cycle = AUTHORIZATION_CODE.room.life_cycle
    assert life_cycle is not None
    url = life_cycle.authorization_url(
        Material(payload, secrets), redirect_uri="https://r.example/", state="s", verifier=None
    )
    assert url.startswith("https://login.example.com/services/oauth2/authorize?prompt=login&")
    assert "access_type=offline" in url
    assert "audience=https%3A%2F%2Fapi.example.com%2F" in url
    assert "canary" not in url


@pytest.mark.parametrize(("issued", "sent"), [("bearer", "Bearer"), ("BEARER", "Bearer"), ("Bearer", "Bearer")])
def test_a_token_is_sent_as_a_bearer_token_however_its_type_is_spelled(issued: str, sent: str) -> None:
    payload, secrets = CLIENT_CREDENTIALS.room.split(CLIENT_CREDENTIALS.entered())
    held = Material(payload, secrets, UsableToken("canary-at-1", issued))
    request = requests.Request("GET", "https://api.example.com/").prepare()
    assert room("oauth2").authenticator(held)(request).headers["Authorization"] == f"{sent} canary-at-1"
    assert room("oauth2").attached(held) == [f"Authorization: {sent} ••••"]


def test_a_credential_without_a_token_authenticates_nothing() -> None:
    payload, secrets = CLIENT_CREDENTIALS.room.split(CLIENT_CREDENTIALS.entered())
    with pytest.raises(LookupError):
        room("oauth2").authenticator(Material(payload, secrets))


@pytest.mark.parametrize("field", ["client_id", "scope", "auth_url", "token_url", "authorization_parameters"])
def test_a_change_of_what_was_consented_to_asks_for_consent_again(field: str) -> None:
    payload, _ = AUTHORIZATION_CODE.room.split(AUTHORIZATION_CODE.entered())
    assert AUTHORIZATION_CODE.room.invalidates(payload, {**payload, field: "another"}, replaced=[])


def test_a_change_of_what_a_token_is_asked_for_asks_for_another_token() -> None:
    payload, _ = CLIENT_CREDENTIALS.room.split(CLIENT_CREDENTIALS.entered())
    assert CLIENT_CREDENTIALS.room.invalidates(payload, {**payload, "token_parameters": ""}, replaced=[])


def test_a_replaced_secret_asks_for_it_too_and_a_change_of_how_it_is_sent_does_not() -> None:
    payload, _ = AUTHORIZATION_CODE.room.split(AUTHORIZATION_CODE.entered())
    assert AUTHORIZATION_CODE.room.invalidates(payload, payload, replaced=["client_secret"])
    changed = {**payload, "client_authentication": "basic", "use_pkce": False}
    assert not AUTHORIZATION_CODE.room.invalidates(payload, changed, replaced=[])


def test_the_host_of_the_auth_url_is_a_new_host_for_the_token_url() -> None:
    """The secret is sent to the Token URL alone: another known host has never seen it."""
    payload, _ = AUTHORIZATION_CODE.room.split(
        {**AUTHORIZATION_CODE.entered(), "auth_url": "https://front.example.com/"}
    )
    moved = {**payload, "token_url": "https://front.example.com/token"}
    assert AUTHORIZATION_CODE.room.hosts(moved) - AUTHORIZATION_CODE.room.hosts(payload)


def test_a_scope_of_many_words_is_passed_as_is() -> None:
    scope = "https://www.googleapis.com/auth/drive openid api:read,write"
    form = CLIENT_CREDENTIALS.form("resource", scope=scope)
    assert form.is_valid()
    assert form.cleaned_data["scope"] == scope
