"""What an Authentication URL must carry, and where a consumer is sent."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from credentials.types.registry import room
from tests.types.consumer_samples import AUTHENTICATION, CALLBACK

RIGHT = {"client_id": "c-1", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid profile"}


def url(**changes: str | None) -> str:
    given = {**RIGHT, **changes}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value is not None)
    return f"https://idp.brand.example/authorize?{query}"


def errors(entered: str) -> list[str]:
    form = AUTHENTICATION.form("authentication", authentication_url=entered)
    return form.errors.get("authentication_url", [])


@pytest.mark.parametrize(
    "entered",
    [
        url(),
        url(redirect_uri=None, redirectedCode=CALLBACK),
        url(redirectedCode=CALLBACK),
        url(prompt="login"),
        f"https://accounts.brand.com/authorize?client_id=3&response_type=code&redirect_uri={CALLBACK}&scope=x",
    ],
)
def test_either_spelling_of_the_redirect_uri_is_accepted(entered: str) -> None:
    assert errors(entered) == []


@pytest.mark.parametrize(
    ("entered", "named"),
    [
        (url(client_id=None), ["client_id is missing"]),
        (url(client_id=""), ["client_id is missing"]),
        (url(scope=None), ["scope is missing"]),
        (url(scope=" "), ["scope is missing"]),
        (url(response_type=None), ["response_type=code is missing"]),
        (url(response_type="token"), ["response_type must be code"]),
        (url(redirect_uri=None), ["redirect_uri is missing", CALLBACK]),
        (url(redirect_uri="https://evil.example/"), ["redirect_uri must be exactly", CALLBACK]),
        (url(redirect_uri=CALLBACK + "/"), ["redirect_uri must be exactly"]),
        (url(redirect_uri=CALLBACK.replace("12345566", "12345567")), ["redirect_uri must be exactly"]),
        (url(redirectedCode="https://evil.example/"), ["redirectedCode must be exactly"]),
        (url() + "&client_id=another", ["client_id stands there more than once"]),
        (url(client_id=None, scope=None, response_type="x"), ["client_id", "scope", "response_type"]),
        ("https://idp.brand.example/authorize", ["client_id", "scope", "response_type", "redirect_uri"]),
        ("javascript:alert(1)", ["https://"]),
        (url().replace("https://idp", "http://idp"), ["https://"]),
    ],
)
def test_what_is_missing_or_wrong_is_named(entered: str, named: list[str]) -> None:
    said = " ".join(errors(entered))
    assert said
    assert all(name in said for name in named), said


@pytest.mark.parametrize("spelling", [{}, {"redirect_uri": None, "redirectedCode": CALLBACK}], ids=str)
def test_the_consumer_is_sent_with_redirect_uri_state_nonce_and_pkce(spelling: dict[str, str | None]) -> None:
    way = room("consumer_authentication").challenge
    assert way is not None
    payload = {"authentication_url": url(prompt="login", nonce="typed", state="typed", **spelling)}
    sent = way.authorization_url(payload, redirect_uri=CALLBACK, state="s-1", verifier="v" * 43, nonce="n-1")
    assert sent.startswith("https://idp.brand.example/authorize?")
    query = parse_qs(urlsplit(sent).query)
    assert {
        name: query[name] for name in ("client_id", "response_type", "redirect_uri", "state", "nonce", "prompt")
    } == {
        "client_id": ["c-1"],
        "response_type": ["code"],
        "redirect_uri": [CALLBACK],
        "state": ["s-1"],
        "nonce": ["n-1"],
        "prompt": ["login"],
    }
    assert query["scope"] == ["openid profile"]
    assert query["code_challenge_method"] == ["S256"]
    assert "redirectedCode" not in query


def test_without_pkce_no_challenge_is_sent() -> None:
    way = room("consumer_authentication").challenge
    assert way is not None
    sent = way.authorization_url(
        {"authentication_url": url()}, redirect_uri=CALLBACK, state="s", verifier=None, nonce="n"
    )
    assert "code_challenge" not in sent
