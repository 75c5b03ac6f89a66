"""Calling an integration over the API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from credentials.models import ApiIntegration, Credential
from credentials.models.credential import Status
from organizations.models import AuditChain, AuditEntry, Organization, ServiceToken
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.credentials import ACCESS_TOKEN, give_token, make_credential, make_integration
from tests.support.lying_server import Answer, LyingServer, error_answer, json_answer
from tests.support.people import Cast
from tests.support.sandbox_server import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def integration(cast: Cast, lying_server: LyingServer, settings: Any) -> ApiIntegration:
    """With a credential that has a token."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    credential = make_credential(cast.organization, token_url=lying_server.url("/token"))
    give_token(credential)
    return make_integration(cast.organization, lying_server.url("/orders/{$botContext.orderId}"), credential=credential)


def test_a_bot_gets_what_the_resource_answered(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer
) -> None:
    lying_server.answers(json_answer({"order": "A-1"}, status=201, headers={"X-Trace": "t1"}))
    body = {"variables": {"orderId": "A-1"}, "conversation": "v-1", "consumer": "c-1"}
    answer = bot.post(f"integrations/{integration.pk}/call", body)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    told = answer.json()
    assert told.keys() == {"success", "status", "headers", "body", "attempts", "error"}
    assert (told["success"], told["status"], told["attempts"], told["error"]) == (True, 201, 1, None)
    assert told["headers"]["X-Trace"] == "t1"
    assert told["body"] == '{"order": "A-1"}'
    assert lying_server.requests[0].target == "/orders/A-1"
    assert lying_server.requests[0].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_all_that_a_call_needs_is_read_at_once(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer
) -> None:
    lying_server.answers(json_answer({}))
    asked = [f"integrations/{integration.pk}/call", {"variables": {"orderId": "A-1"}}]
    bot.post(*asked)  # notes when credential and service token were used, which is not done again for a minute
    with CaptureQueriesContext(connection) as queries:
        assert bot.post(*asked).json()["success"]
    read = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert [AuditChain._meta.db_table in sql for sql in read] == [False, True]  # what it needs, and the chain's head


def test_a_call_is_remembered_of_the_credential_and_of_the_service_token(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer
) -> None:
    lying_server.answers(json_answer({}))
    bot.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": "A-1"}})
    assert Credential.objects.get(pk=integration.credential_id).last_used_at is not None
    assert ServiceToken.objects.get().last_used_at is not None


def test_a_failure_of_the_resource_is_a_result_and_not_an_error(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer
) -> None:
    lying_server.answers(Answer(status=404, body=b"no such order"))
    told = bot.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": 7}}).json()
    assert (told["success"], told["status"], told["body"], told["error"]) == (False, 404, "no such order", None)


def test_no_answer_is_a_result_with_a_word_for_the_reason(
    bot: Caller, integration: ApiIntegration, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    answer = bot.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": "A-1"}})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], told["status"], told["error"], told["headers"], told["body"]) == (
        False,
        0,
        "blocked",
        {},
        "",
    )


@pytest.mark.parametrize("body", [None, {}, {"variables": {}}, {"variables": {"other": 1}}])
def test_a_missing_variable_is_named_and_nothing_is_sent(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer, body: object
) -> None:
    detail = assert_refused(bot.post(f"integrations/{integration.pk}/call", body), 422, "missing_variable")
    assert "orderId" in detail
    assert lying_server.requests == []


@pytest.mark.parametrize("value", ["..", "", None, "\ud800"])
def test_a_value_that_cannot_stand_where_it_is_put_is_refused(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer, value: object
) -> None:
    answer = bot.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": value}})
    assert_refused(answer, 422, "invalid_variable")
    assert lying_server.requests == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_a_number_that_json_does_not_have_is_refused(bot: Caller, integration: ApiIntegration, number: str) -> None:
    body = f'{{"variables": {{"orderId": {number}}}}}'.encode()
    assert_refused(bot.post(f"integrations/{integration.pk}/call", raw=body), 422, "invalid_variable")


def test_variables_keep_their_types(bot: Caller, integration: ApiIntegration, lying_server: LyingServer) -> None:
    lying_server.answers(json_answer({}))
    integration.method = "POST"
    integration.body = "[{$botContext.a}, {$botContext.b}, {$botContext.c}, {$botContext.d}, {$botContext.e}]"
    integration.save()
    values = {"orderId": 1, "a": "1", "b": 1, "c": 1.5, "d": True, "e": None}
    assert bot.post(f"integrations/{integration.pk}/call", {"variables": values}).json()["success"]
    assert lying_server.requests[0].body == b'["1", 1, 1.5, true, null]'


def test_a_credential_that_needs_a_person_answers_409_and_nothing_is_sent(
    bot: Caller, cast: Cast, lying_server: LyingServer
) -> None:
    credential = make_credential(cast.organization, status=Status.NEEDS_AUTHORIZATION)
    integration = make_integration(cast.organization, lying_server.url("/"), credential=credential)
    assert_refused(bot.post(f"integrations/{integration.pk}/call"), 409, "needs_authorization")
    assert lying_server.requests == []


def test_while_the_provider_is_down_the_caller_is_told_when_to_come_back(
    bot: Caller, cast: Cast, lying_server: LyingServer, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    credential = make_credential(cast.organization, token_url=lying_server.url("/token"))
    give_token(credential, expires_in=timedelta(seconds=-1))
    lying_server.on("/token", error_answer("server_error", status=500))
    integration = make_integration(cast.organization, lying_server.url("/"), credential=credential)
    answer = bot.post(f"integrations/{integration.pk}/call")
    assert_refused(answer, 503, "temporarily_unavailable")
    assert int(answer["Retry-After"]) >= 1


def test_another_organizations_integration_is_unknown_and_is_not_called(
    integration: ApiIntegration,
    cast: Cast,
    caller_of: Callable[[Organization], Caller],
    lying_server: LyingServer,
) -> None:
    charlie = caller_of(cast.other_organization)
    entries = AuditEntry.objects.count()
    answer = charlie.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": "A-1"}})
    assert_refused(answer, 404, "not_found")
    assert lying_server.requests == []
    assert AuditEntry.objects.count() == entries


def test_the_call_is_recorded_as_the_service_tokens(
    bot: Caller, integration: ApiIntegration, lying_server: LyingServer
) -> None:
    lying_server.answers(json_answer({}))
    bot.post(f"integrations/{integration.pk}/call", {"variables": {"orderId": "A-1"}})
    entries = AuditEntry.objects.of(integration.organization).filter(actor_id=str(bot.row.pk))
    assert {entry.action for entry in entries} == {"integration.called", "credential.used"}


def test_a_real_resource_accepts_the_token_of_a_real_authorization_server(
    bot: Caller, cast: Cast, sandbox: Sandbox, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = [sandbox.host_and_port]
    application = sandbox.register_application(grant="client-credentials")
    credential = make_credential(cast.organization, token_url=sandbox.token_url)
    credential.payload |= {"client_id": application.client_id}
    credential.seal("secrets", {"client_secret": application.client_secret})
    credential.save()
    give_token(credential, "not one of the sandbox's")
    integration = make_integration(
        cast.organization, f"{sandbox.url}/api/orders/{{$botContext.orderId}}", credential=credential
    )
    body = {"variables": {"orderId": "A-1001"}}
    told = bot.post(f"integrations/{integration.pk}/call", body).json()
    assert (told["success"], told["status"], told["attempts"]) == (True, 200, 2)
    assert '"A-1001"' in told["body"]
    sandbox.expire(application.client_id)
    assert bot.post(f"integrations/{integration.pk}/call", body).json()["success"]
