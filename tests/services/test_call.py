"""Calling an API integration, against a server that answers what each test tells it to."""

import gzip
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from credentials import runtime
from credentials.models import ApiIntegration, Credential, OAuthToken, TokenAttempt
from credentials.services import call as service
from credentials.services.call import CallResult, send_test
from credentials.services.variables import MissingVariable, UnsafeValue, Value
from organizations.access import Access, Refused
from organizations.audit import Actor
from organizations.models import AuditEntry, Role
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
    make_integration,
)
from tests.support.lying_server import (
    Answer,
    LyingServer,
    Recorded,
    error_answer,
    json_answer,
    redirect_answer,
    token_answer,
)
from tests.support.people import Cast

pytestmark = pytest.mark.django_db

BOT = Actor("service_token", "1", "a bot")
LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def server(lying_server: LyingServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> LyingServer:
    """A resource that may be called, and no pauses between the tries."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.0)
    return lying_server


@pytest.fixture
def integration(cast: Cast, server: LyingServer) -> Callable[..., ApiIntegration]:
    def make(path: str = "/orders/{$botContext.orderId}", **columns: Any) -> ApiIntegration:
        return make_integration(cast.organization, server.url(path), **columns)

    return make


@pytest.fixture
def credential(cast: Cast, server: LyingServer) -> Credential:
    """With a token that was obtained a while ago; its token endpoint is the server's /token."""
    credential = make_credential(cast.organization, token_url=server.url("/token"))
    give_token(credential, obtained_at=timezone.now() - LONG_AGO)
    return credential


def call(integration: ApiIntegration, **values: Value) -> CallResult:
    return service.call(integration, values or {"orderId": "A-1"}, actor=BOT)


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
    ],
)
def test_a_body_becomes_text_by_its_charset_and_what_is_no_text_is_replaced(
    integration: Callable[..., ApiIntegration], server: LyingServer, content_type: str, body: bytes, text: str
) -> None:
    server.answers(Answer(body=body, headers={"Content-Type": content_type}))
    assert call(integration()).body == text


def test_a_token_that_is_turned_down_is_renewed_once_and_the_call_repeated(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("at-2"))
    server.answers(Answer(status=401), json_answer({"order": 1}))
    result = call(integration(credential=credential))
    assert (result.success, result.attempts) == (True, 2)
    sent = [request.headers.get("authorization") for request in server.requests if request.path != "/token"]
    assert sent == [f"Bearer {ACCESS_TOKEN}", "Bearer at-2"]


def test_also_a_token_that_was_obtained_a_moment_ago(
    integration: Callable[..., ApiIntegration], server: LyingServer, cast: Cast
) -> None:
    credential = make_credential(cast.organization, "Fresh", token_url=server.url("/token"))
    give_token(credential)
    server.on("/token", token_answer("at-2"))
    server.answers(Answer(status=401), json_answer({"order": 1}))
    assert call(integration(credential=credential)).success


def test_a_resource_that_turns_down_every_token_gets_one_renewal_and_one_more_try(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("at-2"))
    server.answers(Answer(status=401))
    result = call(integration(credential=credential))
    assert (result.status, result.attempts) == (401, 2)
    assert [request.path for request in server.requests].count("/token") == 1


def test_a_resource_that_turns_down_every_token_at_every_call_does_not_make_us_renew_for_ever(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("at-2"))
    server.answers(Answer(status=401))
    described = integration(credential=credential)
    for _ in range(service.RENEWALS_AT_MOST + 3):
        call(described)
    assert [request.path for request in server.requests].count("/token") == service.RENEWALS_AT_MOST
    TokenAttempt.objects.update(started_at=timezone.now() - service.RENEWALS_WITHIN)
    call(described)
    assert [request.path for request in server.requests].count("/token") == service.RENEWALS_AT_MOST + 1


def test_a_401_stays_a_401_where_no_new_token_is_to_be_had(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", error_answer("temporarily_unavailable", status=503))
    server.answers(Answer(status=401))
    result = call(integration(credential=credential))
    assert (result.status, result.attempts, result.success) == (401, 1, False)


@pytest.mark.django_db(transaction=True)
def test_calls_that_are_turned_down_together_wait_for_one_renewal(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    def resource(request: Recorded) -> Answer:
        return json_answer({}) if request.headers["authorization"] == "Bearer at-2" else Answer(status=401)

    server.on("/token", Answer(wait=0.5, body=token_answer("at-2").body, headers={"Content-Type": "application/json"}))
    server.answers(resource)
    described = integration(credential=credential)

    def one(_: int) -> CallResult:
        try:
            return call(described)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert [result.status for result in results] == [200] * 8
    assert [request.path for request in server.requests].count("/token") == 1


def test_a_renewal_that_has_just_failed_is_not_tried_again_at_every_call(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", error_answer("server_error", status=500))
    server.answers(Answer(status=401))
    described = integration(credential=credential)
    assert [call(described).status for _ in range(3)] == [401] * 3
    assert [request.path for request in server.requests].count("/token") == 1


def test_without_time_for_a_renewal_a_worker_is_asked_for_it(
    integration: Callable[..., ApiIntegration],
    server: LyingServer,
    credential: Credential,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "CALL_SECONDS", service.TOTAL_SECONDS)
    woken: list[Any] = []
    monkeypatch.setattr("credentials.services.use.wake.refresh", woken.append)
    server.answers(Answer(status=401))
    assert call(integration(credential=credential)).status == 401
    assert woken == [credential.pk]
    token = OAuthToken.objects.get(pk=credential.pk)
    assert token.refresh_at is not None
    assert token.refresh_at <= timezone.now()
    assert not TokenAttempt.objects.exists()


def test_an_expired_token_is_renewed_before_the_call(
    integration: Callable[..., ApiIntegration], server: LyingServer, cast: Cast
) -> None:
    credential = make_credential(cast.organization, "Old", token_url=server.url("/token"))
    give_token(credential, expires_in=timedelta(seconds=-5))
    server.on("/token", token_answer("at-2"))
    server.answers(json_answer({}))
    assert call(integration(credential=credential)).success
    assert [request.headers.get("authorization") for request in server.requests][1] == "Bearer at-2"


def test_nothing_is_sent_without_authorization(
    integration: Callable[..., ApiIntegration], server: LyingServer, cast: Cast
) -> None:
    credential = make_credential(cast.organization, "New")
    with pytest.raises(runtime.NeedsAuthorization):
        call(integration(credential=credential))
    assert server.requests == []


def test_who_called_what_is_recorded_and_nothing_of_the_conversation(
    integration: Callable[..., ApiIntegration],
    server: LyingServer,
    credential: Credential,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(json_answer({"iban": "canary-answer"}))
    described = integration(credential=credential)
    result = call(described, orderId="canary-question")
    assert "canary-answer" in result.body
    assert "canary-answer" not in repr(result)
    used, called = AuditEntry.objects.of(described.organization)[:2]
    assert (called.action, called.object_id) == ("integration.called", str(described.pk))
    assert (used.action, used.object_id) == ("credential.used", str(credential.pk))
    assert called.actor_label == "a bot"
    recorded = str(list(AuditEntry.objects.values())) + caplog.text
    assert "canary" not in recorded
    credential.refresh_from_db()
    assert credential.last_used_at is not None


def test_the_entry_is_written_before_anything_is_sent(
    integration: Callable[..., ApiIntegration], server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("The log cannot be written.")

    monkeypatch.setattr(service.audit, "record_many", fail)
    with pytest.raises(RuntimeError):
        call(integration())
    assert server.requests == []


def test_a_person_who_tries_it_out_does_not_see_the_secrets_that_a_resource_repeats(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential, cast: Cast
) -> None:
    def echo(request: Any) -> Answer:
        return json_answer(request.headers, headers={"X-Echo": request.headers["authorization"]})

    server.answers(echo)
    described = integration(credential=credential)
    dana = Access(cast.dana, cast.organization, Role.API_DEVELOPER)
    result = send_test(dana, described, {"orderId": "A-1"})
    assert result.success
    shown = result.body + str(result.headers) + str(result.attached)
    for secret in (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET):
        assert secret not in shown
    assert "Bearer [hidden]" in result.body
    # The bot, which may have the token, gets the answer as it is.
    assert ACCESS_TOKEN in call(described).body


@pytest.mark.parametrize("role", [Role.CREDENTIALS_MANAGER, Role.VIEWER])
def test_whoever_may_not_call_cannot_try_it_out(
    integration: Callable[..., ApiIntegration], server: LyingServer, cast: Cast, role: Role
) -> None:
    with pytest.raises(Refused):
        send_test(Access(cast.by_role(role), cast.organization, role), integration(), {"orderId": "A-1"})
    assert server.requests == []
