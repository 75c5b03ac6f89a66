"""Calling an API integration, against a server that answers what each test tells it to."""

import gzip
import time
from collections.abc import Callable
from typing import Any

import pytest

from credentials.models import ApiIntegration, Credential
from credentials.services import call as service
from credentials.services.variables import MissingVariable, UnsafeValue
from tests.support.calls import call, credential, integration, server
from tests.support.credentials import (
    ACCESS_TOKEN,
    make_integration,
)
from tests.support.lying_server import (
    Answer,
    LyingServer,
    json_answer,
    redirect_answer,
)
from tests.support.people import Cast

__all__ = ["credential", "integration", "server"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("status", "success"), [(200, True), (201, True), (202, False), (204, False), (404, False)])
def test_success_is_200_or_201_and_nothing_else(
    integration: Callable[..., ApiIntegration], server: LyingServer, status: int, success: bool
) -> None:
    server.answers(json_answer({"order": 1}, status=status, headers={"X-Request": "r1"}))
    result = call(integration())
    assert (result.success, result.status, result.attempts, result.error) == (success, status, 1, "")
    assert result.headers["X-Request"] == "r1"


def test_the_request_is_what_the_integration_describes(
    integration: Callable[..., ApiIntegration], server: LyingServer
) -> None:
    server.answers(json_answer({}))
    described = integration(
        "/orders/{$botContext.orderId}?a=1",
        method="POST",
        parameters=[["q", "{$botContext.q}"], ["q", "two"]],
        headers=[["X-Name", "{$botContext.name}"]],
        body='{"name": "{$botContext.name}"}',
    )
    call(described, orderId="A/1", q="x&y=z", name="Łukasz")
    request = server.requests[0]
    assert request.method == "POST"
    assert request.target == "/orders/A%2F1?a=1&q=x%26y%3Dz&q=two"
    assert request.headers["x-name"].encode("latin-1").decode() == "Łukasz"
    assert request.body == b'{"name": "\\u0141ukasz"}'
    assert "authorization" not in request.headers


def test_default_headers_are_sent_unless_they_are_replaced_or_switched_off(
    integration: Callable[..., ApiIntegration], server: LyingServer
) -> None:
    server.answers(json_answer({}))
    call(integration(name="both"))
    call(integration(name="one", headers=[["accept", "text/csv"]]))
    call(integration(name="none", use_default_headers=False))
    both, one, none = (request.headers for request in server.requests)
    assert both["accept"] == both["content-type"] == "application/json;charset=UTF-8"
    assert (one["accept"], one["content-type"]) == ("text/csv", "application/json;charset=UTF-8")
    assert none["accept"] == "*/*"
    assert "content-type" not in none


def test_the_credential_authenticates_the_request(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.answers(json_answer({}))
    result = call(integration(credential=credential))
    assert server.requests[0].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert result.attached == ["Authorization: Bearer ••••"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_header_of_the_integrations_own_cannot_stand_in_for_the_credential(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential, name: str
) -> None:
    server.answers(json_answer({}))
    call(integration(credential=credential, headers=[[name, "Bearer something-else"]]))
    assert server.requests[0].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_nothing_is_sent_when_a_variable_is_missing_or_unsafe(
    integration: Callable[..., ApiIntegration], server: LyingServer
) -> None:
    described = integration(headers=[["X-Name", "{$botContext.name}"]])
    with pytest.raises(MissingVariable):
        call(described, orderId="A-1")
    with pytest.raises(UnsafeValue):
        call(described, orderId="A-1", name="a\r\nX-Evil: 1")
    assert server.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    integration: Callable[..., ApiIntegration],
    server: LyingServer,
    serve: Callable[..., LyingServer],
    credential: Credential,
    status: int,
) -> None:
    elsewhere = serve()
    server.answers(redirect_answer(elsewhere.url("/stolen"), status=status))
    result = call(integration(credential=credential))
    assert (result.status, result.success, result.attempts) == (status, False, 1)
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(
    integration: Callable[..., ApiIntegration], server: LyingServer, status: int
) -> None:
    server.answers(Answer(status=status), Answer(status=status), json_answer({"order": 1}))
    result = call(integration())
    assert (result.success, result.status, result.attempts) == (True, 200, 3)


def test_there_are_at_most_three_retries(integration: Callable[..., ApiIntegration], server: LyingServer) -> None:
    server.answers(Answer(status=503))
    result = call(integration())
    assert (result.status, result.attempts, len(server.requests)) == (503, 4, 4)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 501])
def test_a_final_answer_is_not_tried_again(
    integration: Callable[..., ApiIntegration], server: LyingServer, status: int
) -> None:
    server.answers(Answer(status=status))
    assert call(integration()).attempts == 1


@pytest.mark.parametrize(("status", "attempts"), [(500, 1), (502, 1), (504, 1), (429, 4), (503, 4)])
def test_a_post_is_repeated_only_where_the_server_says_that_it_did_nothing(
    integration: Callable[..., ApiIntegration], server: LyingServer, status: int, attempts: int
) -> None:
    server.answers(Answer(status=status))
    assert call(integration(method="POST")).attempts == attempts


@pytest.mark.parametrize(("method", "attempts"), [("GET", 4), ("PUT", 4), ("POST", 1), ("PATCH", 1)])
def test_a_conversation_that_broke_off_is_repeated_only_where_that_does_nothing_twice(
    integration: Callable[..., ApiIntegration], server: LyingServer, method: str, attempts: int
) -> None:
    server.answers(Answer(raw=b""))
    result = call(integration(method=method))
    assert (result.status, result.error, result.attempts) == (0, "interrupted", attempts)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_is_not_there_is_tried_again_whatever_the_method(
    integration: Callable[..., ApiIntegration], server: LyingServer, method: str
) -> None:
    described = integration(method=method)
    server.stop()
    result = call(described)
    assert (result.success, result.status, result.error, result.attempts) == (False, 0, "unreachable", 4)


def test_a_name_that_does_not_exist_is_unreachable(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RETRIES", 0)
    result = call(make_integration(cast.organization, "https://does-not-exist.invalid/"))
    assert (result.status, result.error) == (0, "unreachable")


def test_retry_after_is_obeyed_and_ends_the_call_where_it_is_longer_than_the_call_may_be(
    integration: Callable[..., ApiIntegration], server: LyingServer
) -> None:
    server.answers(Answer(status=429, headers={"Retry-After": "1"}), json_answer({}))
    started = time.monotonic()
    assert call(integration(name="soon")).success
    assert time.monotonic() - started >= 1
    for said in ("60", "Wed, 21 Oct 2099 07:28:00 GMT"):
        server.answers(Answer(status=503, headers={"retry-after": said}))
        assert call(integration(name=said)).attempts == 1


def test_an_attempt_may_take_what_is_left_of_the_twenty_seconds(
    integration: Callable[..., ApiIntegration], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.05)
    given: list[float] = []

    def answer(*_: object, seconds: float) -> service.Answer:
        given.append(seconds)
        return service.Answer(status=503)

    monkeypatch.setattr(service, "send", answer)
    call(integration())
    first, *_, last = given
    assert len(given) == 4
    assert 19 < first <= 20
    assert last < first - 0.3


def test_a_call_ends_within_its_time_however_slow_the_server(
    integration: Callable[..., ApiIntegration], server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TOTAL_SECONDS", 0.6)
    server.answers(Answer(body=b"x" * 100, drip=0.05))
    started = time.monotonic()
    result = call(integration())
    assert (result.status, result.error, result.attempts) == (0, "timeout", 1)
    assert time.monotonic() - started < 2


def test_the_time_is_for_all_attempts_together(
    integration: Callable[..., ApiIntegration], server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TOTAL_SECONDS", 0.9)
    server.answers(Answer(status=503, wait=0.4))
    started = time.monotonic()
    result = call(integration())
    assert result.attempts in {2, 3}
    assert time.monotonic() - started < 2


def test_an_address_that_is_not_allowed_is_not_called(
    integration: Callable[..., ApiIntegration], server: LyingServer, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    result = call(integration())
    assert (result.status, result.error, result.attempts) == (0, "blocked", 1)
    assert server.connections == 0


@pytest.mark.parametrize("answer", [Answer(endless=True), Answer(body=gzip.compress(bytes(3_000_000)))])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    integration: Callable[..., ApiIntegration], server: LyingServer, answer: Answer
) -> None:
    packed = {} if answer.endless else {"Content-Encoding": "gzip"}
    server.answers(Answer(body=answer.body, endless=answer.endless, headers=packed))
    result = call(integration())
    assert (result.status, result.error, result.body) == (0, "too_large", "")


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", '{"a": "ä"}'.encode(), '{"a": "ä"}'),
        ("text/plain; charset=ISO-8859-1", b"\xe4", "ä"),
        ("text/plain", "ä".encode(), "ä"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("application/json", b"\xef\xbb\xbf{}", "{}"),
        ("image/png", b"\x89PNG\xff", "\ufffdPNG\ufffd"),
        ("text/plain; charset=punycode", b"abc-", "abc-"),
        ("text/plain; charset=zlib", b"abc", "abc"),
        ("text/plain; charset=nonsense", b"abc", "abc"),
        ("", b"abc", "abc"),
        # Nobody reads as far as its charset: that takes ten seconds.
        ('text/plain; a="' + ";" * 60_000 + '"; charset=ISO-8859-1', b"\xe4", "\ufffd"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_becomes_text_by_its_charset_and_what_is_no_text_is_replaced(
    integration: Callable[..., ApiIntegration], server: LyingServer, content_type: str, body: bytes, text: str
) -> None:
    server.answers(Answer(body=body, headers={"Content-Type": content_type}))
    assert call(integration()).body == text


def test_a_head_request_is_not_refused_for_the_size_of_what_it_does_not_fetch(
    integration: Callable[..., ApiIntegration], server: LyingServer
) -> None:
    server.answers(Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\nContent-Encoding: gzip\r\n\r\n"))
    result = call(integration(method="HEAD"))
    assert (result.success, result.status, result.body, result.error) == (True, 200, "", "")
