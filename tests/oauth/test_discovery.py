"""What an authorization server says about itself, and when it is believed."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from credentials.oauth.discovery import MAX_REQUESTS, Metadata, candidates, discover
from credentials.outbound import GuardedAdapter, parse_allow
from tests.support.lying_server import Answer, LyingServer, gzip_bomb, json_answer, redirect_answer

OPENID = "/.well-known/openid-configuration"
RFC8414 = "/.well-known/oauth-authorization-server"


def found(server: LyingServer, path: str = "/authorize", *, budget: float = 3) -> Metadata | None:
    transport = GuardedAdapter(deadline=5, max_bytes=100_000, allowance=parse_allow([server.allow_entry]))
    return discover(server.url(path), transport=transport, budget=budget)


def document(server: LyingServer, *, issuer: str = "", endpoint: str = "/authorize", **members: object) -> Answer:
    said: dict[str, object] = {
        "issuer": server.url(issuer),
        "authorization_endpoint": server.url(endpoint),
        "token_endpoint": server.url("/token"),
        "revocation_endpoint": server.url("/revoke"),
        "authorization_response_iss_parameter_supported": True,
    }
    return json_answer({name: value for name, value in (said | members).items() if value is not None})


@pytest.mark.parametrize("well_known", [OPENID, RFC8414])
def test_a_document_at_the_origin_is_read(lying_server: LyingServer, well_known: str) -> None:
    lying_server.on(well_known, document(lying_server))
    assert found(lying_server) == Metadata(
        issuer=lying_server.url(""),
        authorization_endpoint=lying_server.url("/authorize"),
        token_endpoint=lying_server.url("/token"),
        revocation_endpoint=lying_server.url("/revoke"),
        iss_parameter_supported=True,
    )


@pytest.mark.parametrize(
    ("endpoint", "issuer"),
    [
        ("/realms/shop/protocol/openid-connect/auth", "/realms/shop"),
        ("/oauth2/default/v1/authorize", "/oauth2/default"),
        ("/adfs/oauth2/authorize", "/adfs"),
        ("/o/authorize/", "/o"),
        ("/tenant/oauth2/v2.0/authorize", "/tenant"),
        ("/o/oauth2/v2/auth", ""),
        ("/services/oauth2/authorize", ""),
        ("/oauth/authorize", "/oauth"),
        ("/as/authorization.oauth2", ""),
    ],
)
def test_the_issuer_is_found_above_the_endpoint(lying_server: LyingServer, endpoint: str, issuer: str) -> None:
    lying_server.on(issuer + OPENID, document(lying_server, issuer=issuer, endpoint=endpoint))
    metadata = found(lying_server, endpoint)
    assert metadata is not None
    assert metadata.issuer == lying_server.url(issuer)


def test_the_rfcs_address_has_the_issuers_path_at_its_end(lying_server: LyingServer) -> None:
    endpoint = "/tenant/a/authorize"
    lying_server.on(RFC8414 + "/tenant/a", document(lying_server, issuer="/tenant/a", endpoint=endpoint))
    assert found(lying_server, endpoint) is not None


def test_what_the_document_does_not_say_is_empty(lying_server: LyingServer) -> None:
    answer = document(
        lying_server,
        token_endpoint=None,
        revocation_endpoint=5,
        authorization_response_iss_parameter_supported="true",
    )
    lying_server.on(OPENID, answer)
    metadata = found(lying_server)
    assert metadata is not None
    assert (metadata.token_endpoint, metadata.revocation_endpoint) == (None, None)
    assert metadata.iss_parameter_supported is False


def test_the_auth_urls_own_query_does_not_count(lying_server: LyingServer) -> None:
    lying_server.on(OPENID, document(lying_server))
    assert found(lying_server, "/authorize?prompt=consent") is not None


@pytest.mark.parametrize(
    "members",
    [
        {"authorization_endpoint": "https://honest.example/authorize"},
        {"authorization_endpoint": None},
        {"issuer": "https://honest.example"},
        {"issuer": None},
        {"issuer": ["https://honest.example"]},
    ],
)
def test_a_document_about_somebody_else_is_not_believed(lying_server: LyingServer, members: dict[str, object]) -> None:
    lying_server.on(OPENID, document(lying_server, **members))
    assert found(lying_server) is None


def test_a_document_about_another_endpoint_of_the_same_server_is_passed_over(lying_server: LyingServer) -> None:
    lying_server.on(OPENID, document(lying_server, endpoint="/other"))
    lying_server.on(RFC8414, document(lying_server))
    assert found(lying_server) is not None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404),
        Answer(status=500, body=b"{}"),
        Answer(body=b"<html>"),
        Answer(body=b"[]"),
        Answer(body=b"null"),
        Answer(body=b'{"a":' * 30_000),
        Answer(body=b'{"a":' + b"9" * 5000 + b"}"),
        Answer(body=b"\xff\xfe\x00"),
        Answer(raw=b""),
        gzip_bomb(),
    ],
)
def test_nothing_that_is_answered_raises(lying_server: LyingServer, answer: Answer) -> None:
    lying_server.answers(answer)
    assert found(lying_server) is None
    assert 0 < len(lying_server.requests) <= MAX_REQUESTS


@pytest.mark.parametrize("charset", ["utf-16", "punycode", "no-such-charset"])
def test_promise_21_the_encoding_that_a_server_names_is_not_believed(lying_server: LyingServer, charset: str) -> None:
    """A megabyte that is said to be Punycode keeps a thread busy for minutes. JSON is UTF-8."""
    said = {"Content-Type": f"application/json; charset={charset}"}
    lying_server.on(OPENID, replace(document(lying_server), headers=said))
    assert found(lying_server) is not None


def test_a_redirect_is_not_followed(serve: Callable[..., LyingServer]) -> None:
    target, server = serve(), serve()
    server.answers(redirect_answer(target.url("/inside")))
    transport = GuardedAdapter(allowance=parse_allow([server.allow_entry, target.allow_entry]))
    assert discover(server.url("/authorize"), transport=transport, budget=3) is None
    assert target.connections == 0


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(body=b"x" * 100, drip=0.1), Answer(status=404, wait=0.2)])
def test_a_slow_server_costs_no_more_than_the_budget(lying_server: LyingServer, answer: Answer) -> None:
    lying_server.answers(answer)
    began = time.monotonic()
    assert found(lying_server, "/tenant/authorize", budget=0.5) is None
    assert time.monotonic() - began < 1


def test_no_address_makes_it_raise_or_ask() -> None:
    for auth_url in ("", "nonsense", "ftp://a/b", "https://", "https://[::1", "javascript:alert(1)"):
        assert discover(auth_url, transport=GuardedAdapter(), budget=1) is None


def test_a_blocked_address_gives_nothing() -> None:
    assert (
        discover("https://127.0.0.1/authorize", transport=GuardedAdapter(allowance=parse_allow([])), budget=1) is None
    )


@pytest.mark.parametrize("path", ["", "/", "/a", "/a/b/c/d/e/authorize", "/authorize", "/oauth2/v1/authorize"])
def test_few_addresses_are_tried_and_none_twice(path: str) -> None:
    tried = [address for _, address in candidates("https://idp.example" + path)]
    assert 2 <= len(tried) <= MAX_REQUESTS
    assert len(set(tried)) == len(tried)
    assert all(address.startswith("https://idp.example/") for address in tried)
