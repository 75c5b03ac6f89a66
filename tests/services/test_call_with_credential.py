"""What a credential adds to a call: its token, a renewed one where it is turned down, and a trace in the log."""

import logging
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
from organizations import chain
from organizations.access import Access, Refused
from organizations.models import AuditEntry, Role
from tests.support.calls import call, credential, integration, server
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
)
from tests.support.lying_server import (
    Answer,
    LyingServer,
    Recorded,
    error_answer,
    json_answer,
    token_answer,
)
from tests.support.people import Cast

__all__ = ["credential", "integration", "server"]

pytestmark = pytest.mark.django_db


def test_a_token_that_is_turned_down_is_renewed_once_and_the_call_repeated(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("canary-at-2"))
    server.answers(Answer(status=401), json_answer({"order": 1}))
    result = call(integration(credential=credential))
    assert (result.success, result.attempts) == (True, 2)
    sent = [request.headers.get("authorization") for request in server.requests if request.path != "/token"]
    assert sent == [f"Bearer {ACCESS_TOKEN}", "Bearer canary-at-2"]


def test_also_a_token_that_was_obtained_a_moment_ago(
    integration: Callable[..., ApiIntegration], server: LyingServer, cast: Cast
) -> None:
    credential = make_credential(cast.organization, "Fresh", token_url=server.url("/token"))
    give_token(credential)
    server.on("/token", token_answer("canary-at-2"))
    server.answers(Answer(status=401), json_answer({"order": 1}))
    assert call(integration(credential=credential)).success


def test_a_resource_that_turns_down_every_token_gets_one_renewal_and_one_more_try(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("canary-at-2"))
    server.answers(Answer(status=401))
    result = call(integration(credential=credential))
    assert (result.status, result.attempts) == (401, 2)
    assert [request.path for request in server.requests].count("/token") == 1


def test_a_resource_that_turns_down_every_token_at_every_call_does_not_make_us_renew_for_ever(
    integration: Callable[..., ApiIntegration], server: LyingServer, credential: Credential
) -> None:
    server.on("/token", token_answer("canary-at-2"))
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
        return json_answer({}) if request.headers["authorization"] == "Bearer canary-at-2" else Answer(status=401)

    server.on(
        "/token", Answer(wait=0.5, body=token_answer("canary-at-2").body, headers={"Content-Type": "application/json"})
    )
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
    monkeypatch.setattr("credentials.runtime.CALL_SECONDS", service.TOTAL_SECONDS)
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
    server.on("/token", token_answer("canary-at-2"))
    server.answers(json_answer({}))
    assert call(integration(credential=credential)).success
    assert [request.headers.get("authorization") for request in server.requests][1] == "Bearer canary-at-2"


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

    monkeypatch.setattr(chain, "append", fail)
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
