"""What is sent to an authorization server, byte by byte, and what comes back unread."""

import base64
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
import requests
from requests.adapters import BaseAdapter

from credentials.oauth.client import (
    Client,
    RawAnswer,
    exchange_code,
    refresh,
    request_client_credentials,
    revoke,
)
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import Allowance, GuardedAdapter, parse_allow
from tests.support.lying_server import (
    Answer,
    LyingServer,
    error_answer,
    gzip_bomb,
    redirect_answer,
    token_answer,
)

SECRET = "p%a+s:s word/&=?"
REDIRECT_URI = "https://bots.example/oauth2/callback/1/"


def transport_to(server: LyingServer, *, deadline: float = 5) -> GuardedAdapter:
    return GuardedAdapter(deadline=deadline, max_bytes=100_000, allowance=parse_allow([server.allow_entry]))


def client_of(server: LyingServer, **changes: Any) -> Client:
    values = {"client_id": "id:1", "client_secret": SECRET, "token_url": server.url("/token")} | changes
    return Client(**values)


def basic_pair(header: str) -> tuple[str, str]:
    """Decode a Basic header as RFC 6749 section 2.3.1 tells a server to."""
    scheme, _, encoded = header.partition(" ")
    assert scheme == "Basic"
    name, _, password = base64.b64decode(encoded).decode().partition(":")
    return unquote_plus(name), unquote_plus(password)


# Client authentication


def test_promise_11_basic_is_form_encoded_before_it_is_joined(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    request_client_credentials(client_of(lying_server), transport=transport_to(lying_server))
    (request,) = lying_server.requests
    assert basic_pair(request.headers["authorization"]) == ("id:1", SECRET)
    assert request.form == {"grant_type": "client_credentials"}


def test_promise_11_in_the_body_the_secret_arrives_whole_and_there_is_no_header(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, authentication="body")
    request_client_credentials(client, transport=transport_to(lying_server))
    (request,) = lying_server.requests
    assert "authorization" not in request.headers
    assert request.form == {"grant_type": "client_credentials", "client_id": "id:1", "client_secret": SECRET}


@pytest.mark.parametrize("authentication", ["basic", "body"])
def test_a_public_client_names_itself_in_the_body(lying_server: LyingServer, authentication: str) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, client_secret="", authentication=authentication)
    exchange_code(client, code="c", redirect_uri=REDIRECT_URI, verifier="v" * 43, transport=transport_to(lying_server))
    refresh(client, refresh_token="r", transport=transport_to(lying_server))
    for request in lying_server.requests:
        assert "authorization" not in request.headers
        assert request.form["client_id"] == "id:1"
        assert "client_secret" not in request.form


def test_promise_11_a_refusal_of_one_way_is_not_answered_by_trying_the_other(lying_server: LyingServer) -> None:
    lying_server.answers(error_answer("invalid_client", status=401))
    answer = request_client_credentials(client_of(lying_server), transport=transport_to(lying_server))
    assert answer.status == 401
    assert len(lying_server.requests) == 1


@pytest.mark.parametrize("secret", ["ünïcødé", "~*'()!", "a" * 500, " lead and trail ", "100%25", '"\\<>'])
@pytest.mark.parametrize("authentication", ["basic", "body"])
def test_any_secret_arrives_whole(lying_server: LyingServer, secret: str, authentication: str) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, client_secret=secret, authentication=authentication)
    refresh(client, refresh_token="r", transport=transport_to(lying_server))
    (request,) = lying_server.requests
    arrived = request.form.get("client_secret") or basic_pair(request.headers["authorization"])[1]
    assert arrived == secret


# The grants


def test_exchanging_a_code_sends_what_the_rfc_lists(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    answer = exchange_code(
        client_of(lying_server, scope="read"),
        code="c/1+=",
        redirect_uri=REDIRECT_URI,
        verifier="v" * 43,
        transport=transport_to(lying_server),
    )
    (request,) = lying_server.requests
    assert request.form == {
        "grant_type": "authorization_code",
        "code": "c/1+=",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": "v" * 43,
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert (request.method, request.target) == ("POST", "/token")
    assert answer.status == 200


def test_without_pkce_no_verifier_is_sent(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    exchange_code(
        client_of(lying_server),
        code="c",
        redirect_uri=REDIRECT_URI,
        verifier=None,
        transport=transport_to(lying_server),
    )
    assert "code_verifier" not in lying_server.requests[0].form


def test_client_credentials_ask_for_the_scope_as_it_is(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, scope="api://x/.default  b,c")
    request_client_credentials(client, transport=transport_to(lying_server))
    assert lying_server.requests[0].form == {"grant_type": "client_credentials", "scope": "api://x/.default  b,c"}


@pytest.mark.parametrize("authentication", ["basic", "body"])
def test_parameters_of_the_clients_own_go_along_where_it_asks_for_its_own_token(
    lying_server: LyingServer, authentication: str
) -> None:
    lying_server.answers(token_answer())
    asked = (("audience", "https://api.example.com/?a=b&c"), ("resource", "one"), ("resource", "two"))
    client = client_of(lying_server, parameters=asked, authentication=authentication)
    request_client_credentials(client, transport=transport_to(lying_server))
    body = parse_qsl(lying_server.requests[0].body.decode())
    assert [pair for pair in body if pair[0] in {"audience", "resource"}] == list(asked)
    assert dict(body)["grant_type"] == "client_credentials"
    assert (dict(body).get("client_secret") == SECRET) is (authentication == "body")


def test_a_refresh_sends_the_token_and_no_scope(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    refresh(client_of(lying_server, scope="read"), refresh_token="rt/1+=", transport=transport_to(lying_server))
    assert lying_server.requests[0].form == {"grant_type": "refresh_token", "refresh_token": "rt/1+="}


@pytest.mark.parametrize("authentication", ["basic", "body"])
def test_a_refresh_authenticates_the_client(lying_server: LyingServer, authentication: str) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, authentication=authentication)
    refresh(client, refresh_token="rt", transport=transport_to(lying_server))
    (request,) = lying_server.requests
    assert ("authorization" in request.headers) is (authentication == "basic")
    assert ("client_secret" in request.form) is (authentication == "body")
    assert ("client_id" in request.form) is (authentication == "body")


@pytest.mark.parametrize("authentication", ["basic", "body"])
def test_a_revocation_names_the_token_and_authenticates(lying_server: LyingServer, authentication: str) -> None:
    lying_server.on("/revoke", Answer(status=200))
    answer = revoke(
        client_of(lying_server, authentication=authentication),
        revocation_url=lying_server.url("/revoke"),
        token="canary-rt-1",
        hint="refresh_token",
        transport=transport_to(lying_server),
    )
    (request,) = lying_server.requests
    assert {"token": "canary-rt-1", "token_type_hint": "refresh_token"}.items() <= request.form.items()
    assert ("authorization" in request.headers) is (authentication == "basic")
    assert ("client_secret" in request.form) is (authentication == "body")
    assert answer.status == 200


def test_a_query_in_the_token_url_is_kept(lying_server: LyingServer) -> None:
    lying_server.answers(token_answer())
    client = client_of(lying_server, token_url=lying_server.url("/token?tenant=a"))
    request_client_credentials(client, transport=transport_to(lying_server))
    assert lying_server.requests[0].target == "/token?tenant=a"


# The answer


@pytest.mark.parametrize(
    "answer",
    [
        token_answer(scope="less than was asked for"),
        error_answer("invalid_grant"),
        token_answer(status=500),
        Answer(body=b"<html>not JSON"),
        Answer(status=204),
    ],
)
def test_whatever_was_answered_is_handed_back_unread(lying_server: LyingServer, answer: Answer) -> None:
    lying_server.answers(answer)
    client, transport = client_of(lying_server, scope="all of it"), transport_to(lying_server)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = [
            exchange_code(client, code="c", redirect_uri=REDIRECT_URI, verifier=None, transport=transport),
            request_client_credentials(client, transport=transport),
            refresh(client, refresh_token="r", transport=transport),
        ]
    assert [raw.status for raw in answers] == [answer.status] * 3
    assert [raw.body for raw in answers] == [answer.body.decode()] * 3


def test_only_the_headers_that_matter_are_kept(lying_server: LyingServer) -> None:
    headers = {"Content-Type": "text/html", "RETRY-AFTER": "7", "Set-Cookie": "session=canary", "X-Token": "canary"}
    lying_server.answers(Answer(status=503, headers=headers))
    raw = request_client_credentials(client_of(lying_server), transport=transport_to(lying_server))
    assert raw.headers == {"content-type": "text/html", "retry-after": "7"}


def test_a_body_that_is_no_text_is_kept_as_far_as_it_is(lying_server: LyingServer) -> None:
    lying_server.answers(
        Answer(body=b'{"a": "\xff\xfe"}', headers={"Content-Type": "application/json; charset=utf-16"})
    )
    raw = request_client_credentials(client_of(lying_server), transport=transport_to(lying_server))
    assert raw.body == '{"a": "\ufffd\ufffd"}'


def test_a_raw_answer_survives_its_journal() -> None:
    raw = RawAnswer(status=200, headers={"content-type": "application/json"}, body='{"access_token": "ü"}')
    assert RawAnswer.from_json(raw.to_json()) == raw


def test_nothing_secret_shows_in_a_repr() -> None:
    assert "canary" not in repr(RawAnswer(status=200, headers={}, body="canary"))
    assert "canary" not in repr(Client(client_id="c", client_secret="canary", token_url="https://t.example"))


# What must not happen


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_promise_12_a_redirect_is_not_followed_with_the_secret(serve: Callable[..., LyingServer], status: int) -> None:
    target, server = serve(), serve()
    target.answers(token_answer())
    server.answers(redirect_answer(target.url("/steal"), status=status))
    allowance = parse_allow([server.allow_entry, target.allow_entry])
    client = client_of(server, authentication="body")
    raw = request_client_credentials(client, transport=GuardedAdapter(allowance=allowance))
    assert raw.status == status
    assert target.connections == 0


def test_promise_12_netrc_and_proxies_are_not_read(
    serve: Callable[..., LyingServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, server = serve(), serve()
    server.answers(token_answer())
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", proxy.url())
    monkeypatch.setenv("all_proxy", proxy.url())
    for authentication in ("basic", "body"):
        client = client_of(server, authentication=authentication)
        # requests' own adapter, which would use both
        request_client_credentials(client, transport=requests.adapters.HTTPAdapter())
    assert proxy.connections == 0
    assert basic_pair(server.requests[0].headers["authorization"]) == ("id:1", SECRET)
    assert "authorization" not in server.requests[1].headers


def test_nothing_is_logged_even_at_debug(lying_server: LyingServer, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "requests_oauthlib", "requests_oauthlib.oauth2_session", "oauthlib", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    lying_server.answers(token_answer("canary-access", refresh_token="canary-refresh"))
    client = client_of(lying_server, client_secret="canary-secret", authentication="body")
    transport = transport_to(lying_server)
    exchange_code(client, code="canary-code", redirect_uri=REDIRECT_URI, verifier="canary-v", transport=transport)
    request_client_credentials(client, transport=transport)
    refresh(client, refresh_token="canary-old", transport=transport)
    revoke(client, revocation_url=client.token_url, token="canary-t", hint="access_token", transport=transport)
    assert "canary" not in caplog.text


# No answer


def failure(client: Client, transport: BaseAdapter) -> OAuthFailure:
    with pytest.raises(OAuthFailure) as caught:
        refresh(client, refresh_token="canary-refresh", transport=transport)
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value)
    assert caught.value.permanent is False
    return caught.value


def test_a_server_that_drips_is_a_timeout(lying_server: LyingServer) -> None:
    lying_server.answers(Answer(body=b"x" * 100, drip=0.1))
    assert failure(client_of(lying_server), transport_to(lying_server, deadline=0.4)).code == "timeout"


def test_an_answer_that_is_too_large_says_so(lying_server: LyingServer) -> None:
    lying_server.answers(gzip_bomb())
    assert failure(client_of(lying_server), transport_to(lying_server)).code == "too_large"


def test_a_server_that_is_gone_is_a_network_failure(lying_server: LyingServer) -> None:
    client = client_of(lying_server, token_url=lying_server.url("/token?key=canary"))
    lying_server.stop()
    assert failure(client, transport_to(lying_server)).code == "network"


def test_a_blocked_address_says_so(lying_server: LyingServer) -> None:
    told = failure(client_of(lying_server, token_url="https://127.0.0.1/"), GuardedAdapter(allowance=Allowance()))
    assert told.code == "blocked"
    assert "not public" in told.description


def test_a_server_without_tls_on_an_https_url_is_a_tls_failure(lying_server: LyingServer) -> None:
    client = client_of(lying_server, token_url=lying_server.url("/token").replace("http:", "https:"))
    assert failure(client, transport_to(lying_server)).code == "tls"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (requests.exceptions.ReadTimeout("https://t.example/?secret=canary"), "timeout"),
        (requests.exceptions.SSLError("https://t.example/?secret=canary"), "tls"),
        (requests.exceptions.ConnectionError("https://t.example/?secret=canary"), "network"),
        (requests.exceptions.InvalidURL("canary"), "network"),
        (requests.exceptions.ChunkedEncodingError("canary"), "network"),
    ],
)
def test_the_text_of_any_transports_error_is_dropped(error: Exception, code: str) -> None:
    class Failing(BaseAdapter):
        def send(self, *args: object, **kwargs: object) -> requests.Response:
            raise error

        def close(self) -> None:
            """Nothing is open."""

    client = Client(client_id="c", client_secret="s", token_url="https://t.example/")
    assert failure(client, Failing()).code == code


def test_a_token_url_that_is_none_is_a_failure_and_not_a_crash() -> None:
    told = failure(Client(client_id="c", client_secret="s", token_url="nonsense"), GuardedAdapter())
    assert told.code == "network"
