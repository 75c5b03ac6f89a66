"""Where a browser is sent to authorize (RFC 6749 section 4.1.1)."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from credentials.oauth import pkce
from credentials.oauth.client import authorization_url

REDIRECT_URI = "https://bots.example/oauth2/callback/1/"


def parameters(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def url_of(auth_url: str = "https://idp.example/authorize", **changes: object) -> str:
    values: dict[str, object] = {
        "client_id": "c1",
        "redirect_uri": REDIRECT_URI,
        "scope": "read write",
        "state": "s1",
        "verifier": "v" * 43,
        "extra": [],
    }
    return authorization_url(auth_url=auth_url, **(values | changes))  # type: ignore[arg-type]


def test_the_authorization_url_says_everything_once() -> None:
    assert sorted(parameters(url_of())) == [
        ("client_id", "c1"),
        ("code_challenge", pkce.challenge("v" * 43)),
        ("code_challenge_method", "S256"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "read write"),
        ("state", "s1"),
    ]


def test_the_verifier_is_not_in_the_authorization_url() -> None:
    assert "v" * 43 not in url_of()


def test_without_a_verifier_no_challenge_is_sent() -> None:
    assert not [name for name, _ in parameters(url_of(verifier=None)) if name.startswith("code_challenge")]


def test_an_empty_scope_is_left_out() -> None:
    assert "scope" not in dict(parameters(url_of(scope="")))


def test_a_scope_is_passed_as_it_is() -> None:
    assert dict(parameters(url_of(scope="https://a.example/x,offline  email")))["scope"] == (
        "https://a.example/x,offline  email"
    )


def test_parameters_of_the_auth_url_are_kept() -> None:
    url = url_of("https://idp.example/authorize?tenant=a%26b&prompt=&tenant=c")
    assert url.startswith("https://idp.example/authorize?")
    kept = [pair for pair in parameters(url) if pair[0] in ("tenant", "prompt")]
    assert kept == [("tenant", "a&b"), ("prompt", ""), ("tenant", "c")]


def test_a_scope_in_the_auth_url_counts_only_while_none_is_configured() -> None:
    assert dict(parameters(url_of("https://idp.example/a?scope=theirs", scope="")))["scope"] == "theirs"
    assert [v for n, v in parameters(url_of("https://idp.example/a?scope=theirs")) if n == "scope"] == ["read write"]


RESERVED = ["response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"]


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("where", ["extra", "auth_url"])
def test_nothing_overrides_a_parameter_of_the_protocol(name: str, where: str) -> None:
    at_auth_url = f"https://idp.example/authorize?{name}=evil"
    url = url_of(extra=[(name, "evil")]) if where == "extra" else url_of(at_auth_url)
    assert "evil" not in url
    assert [pair[0] for pair in parameters(url)].count(name) == 1


def test_extra_parameters_are_added_whatever_their_name() -> None:
    extra = [("prompt", "consent"), ("access_type", "offline"), ("uri", "1"), ("self", "2"), ("a&b", "=&")]
    assert {*extra} <= {*parameters(url_of(extra=extra))}


def test_an_extra_parameter_that_stands_there_twice_is_sent_twice() -> None:
    extra = [("resource", "https://a.example/"), ("prompt", "consent"), ("resource", "https://b.example/")]
    assert [pair for pair in parameters(url_of(extra=extra)) if pair in extra] == extra


def test_extra_parameters_do_not_repeat_one_of_the_auth_url() -> None:
    url = url_of("https://idp.example/authorize?prompt=login", extra=[("prompt", "consent"), ("prompt", "none")])
    assert [value for name, value in parameters(url) if name == "prompt"] == ["login"]


def test_an_http_auth_url_that_the_caller_allowed_works() -> None:
    assert url_of("http://127.0.0.1:9/authorize").startswith("http://127.0.0.1:9/authorize?")
