"""What holds for every call of the API: who gets in, and one shape for every refusal."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from credentials.api import views
from credentials.api.urls import MAX_BODY_BYTES
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Organization, ServiceToken
from organizations.scopes import Scope
from tests.api.conftest import Caller
from tests.support.credentials import give_token, make_credential
from tests.support.people import Cast

pytestmark = pytest.mark.django_db
A_CALL = f"integrations/{UUID(int=7)}/call"


def assert_refused(answer: Any, status: int, error: str) -> str:
    """The one shape of an error; returns the sentence."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/json")
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    told = answer.json()
    assert told.keys() == {"error", "detail"}
    assert told["error"] == error
    assert told["detail"].strip()
    return str(told["detail"])


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer bat_nothing",
        "Bearer " + "x" * 5000,
        "Basic YWxpY2U6Y29ycmVjdA==",
        "bat_without_a_scheme",
        "Bearer \u00e4\u00f6",
    ],
)
@pytest.mark.parametrize("path", ["credentials", f"credentials/{UUID(int=7)}"])
def test_without_a_service_token_nothing_is_told(path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = Client().get(f"/api/v1/{path}", headers=headers)
    assert_refused(answer, 401, "unauthorized")
    assert answer["WWW-Authenticate"].startswith("Bearer realm=")
    assert ('error="invalid_token"' in answer["WWW-Authenticate"]) == (authorization is not None)


def test_who_it_is_is_asked_before_what_they_want(client: Client) -> None:
    answer = client.post(f"/api/v1/{A_CALL}", b"{nonsense", content_type="application/json")
    assert_refused(answer, 401, "unauthorized")


def test_promise_31_a_revoked_token_is_refused_from_the_next_call_on(bot: Caller) -> None:
    assert bot.get("credentials").status_code == 200
    services.revoke_service_token(Actor.command("test"), bot.row)
    assert_refused(bot.get("credentials"), 401, "unauthorized")


def test_an_expired_token_is_refused(bot: Caller) -> None:
    bot.row.expires_at = timezone.now() - timedelta(seconds=1)
    bot.row.save()
    assert_refused(bot.get("credentials"), 401, "unauthorized")


def test_a_token_that_is_over_fetches_no_token_either(bot: Caller, cast: Cast) -> None:
    credential = make_credential(cast.organization)
    give_token(credential)
    fetch = f"credentials/{credential.pk}/token"
    assert bot.post(fetch).status_code == 200
    ServiceToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_refused(bot.post(fetch), 401, "unauthorized")
    assert_refused(bot.post(fetch, {}), 401, "unauthorized")
    ServiceToken.objects.update(expires_at=timezone.now() + timedelta(days=1))
    services.revoke_service_token(Actor.command("test"), bot.row)
    assert_refused(bot.post(fetch), 401, "unauthorized")
    assert AuditEntry.objects.filter(action="token.served").count() == 1


def test_the_scheme_may_be_written_in_any_case(bot: Caller) -> None:
    assert bot.client.get("/api/v1/credentials", headers={"Authorization": f"bearer {bot.token}"}).status_code == 200


def test_somebody_signed_in_at_the_pages_is_nobody_here(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    assert_refused(client.get("/api/v1/credentials"), 401, "unauthorized")


def test_no_session_and_no_csrf_token_are_needed(bot: Caller, cast: Cast) -> None:
    credential = make_credential(cast.organization)
    give_token(credential)
    answer = bot.post(f"credentials/{credential.pk}/token")
    assert answer.status_code == 200
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "anything"])
def test_promise_31_a_token_in_the_address_is_refused_even_if_it_is_right(bot: Caller, name: str) -> None:
    with_header = bot.get(f"credentials?{name}={bot.token}")
    without = bot.client.get(f"/api/v1/credentials?{name}={bot.token}")
    for answer in (with_header, without):
        detail = assert_refused(answer, 400, "invalid_request")
        assert bot.token not in detail


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing",
        "credentials/",
        "credentials/not-a-uuid",
        f"credentials/{UUID(int=7)}/tokens",
        "docs/",
        "a/b/c",
        "a%0Ab",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_is_answered_in_json(bot: Caller, path: str, method: str) -> None:
    answer = getattr(bot.client, method)(f"/api/v1/{path}", headers={"Authorization": f"Bearer {bot.token}"})
    assert_refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("post", "credentials", "GET, HEAD"),
        ("delete", f"credentials/{UUID(int=7)}", "GET, HEAD"),
        ("get", f"credentials/{UUID(int=7)}/token", "POST"),
        ("put", A_CALL, "POST"),
        ("options", A_CALL, "POST"),
    ],
)
def test_a_wrong_method_is_answered_in_json(bot: Caller, method: str, path: str, allowed: str) -> None:
    answer = getattr(bot.client, method)(f"/api/v1/{path}", headers={"Authorization": f"Bearer {bot.token}"})
    assert allowed in assert_refused(answer, 405, "method_not_allowed")
    assert answer["Allow"] == allowed


@pytest.mark.parametrize("path", ["credentials", f"credentials/{UUID(int=7)}", "openapi.json", "nothing"])
def test_head_is_answered_where_get_is(bot: Caller, path: str) -> None:
    headers = {"Authorization": f"Bearer {bot.token}"}
    asked, wanted = (getattr(bot.client, each)(f"/api/v1/{path}", headers=headers) for each in ("head", "get"))
    assert (asked.status_code, asked["Content-Type"]) == (wanted.status_code, wanted["Content-Type"])
    assert asked.content == b""
    assert wanted.content


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"variables": {"a": ' + b"9" * 5000 + b"}}",
    ],
)
def test_promise_35_a_body_that_is_not_json_is_said_to_be_none(bot: Caller, body: bytes) -> None:
    assert assert_refused(bot.post(A_CALL, raw=body), 422, "invalid_request") == "The body is not JSON."


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], "body"),
        ("text", "body"),
        ({"variables": []}, "variables"),
        ({"variables": {"orderId": {"a": 1}}}, "variables.orderId"),
        ({"variables": {"orderId": ["canary"]}}, "variables.orderId"),
        ({"variable": {}}, "variable"),
        ({"consumer": "x" * 300}, "consumer"),
        ({"conversation": 5}, "conversation"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(bot: Caller, body: object, where: str) -> None:
    detail = assert_refused(bot.post(A_CALL, body), 422, "invalid_request")
    assert detail.startswith(f"{where}: ")
    assert "canary" not in detail


def test_a_large_body_is_not_read(bot: Caller) -> None:
    assert_refused(bot.post(A_CALL, raw=b" " * (MAX_BODY_BYTES + 1)), 413, "too_large")


def test_an_unexpected_failure_says_nothing_of_itself_and_is_in_the_log(
    bot: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a word of the inside")

    monkeypatch.setattr(views, "shown", fail)
    make_credential(bot.row.organization)
    with caplog.at_level(logging.ERROR):
        answer = bot.get("credentials")
    assert "word of the inside" not in assert_refused(answer, 500, "internal_error")
    assert any(record.exc_info for record in caplog.records)


def test_also_with_debug_on(bot: Caller, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a word of the inside")

    settings.DEBUG = True
    monkeypatch.setattr(views, "credentials_of", fail)
    assert "word of the inside" not in assert_refused(bot.get("credentials"), 500, "internal_error")
    assert_refused(bot.get("nothing"), 404, "not_found")


def test_while_the_database_is_away_the_caller_is_told_when_to_come_back(
    bot: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("credentials.api.authentication.authenticate_service_token", fail)
    answer = bot.get("credentials")
    assert "closed" not in assert_refused(answer, 503, "temporarily_unavailable")
    assert int(answer["Retry-After"]) > 0


def test_openapi_describes_every_call_and_needs_no_token(client: Client) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    described = answer.json()
    assert {(method, path) for path, calls in described["paths"].items() for method in calls} == {
        ("get", "/api/v1/credentials"),
        ("get", "/api/v1/credentials/{credential_id}"),
        ("post", "/api/v1/credentials/{credential_id}/token"),
        ("post", "/api/v1/domains/{domain_id}/credentials"),
        ("post", "/api/v1/integrations/{integration_id}/call"),
        ("post", "/api/v1/consumers"),
        ("post", "/api/v1/credentials/{credential_id}/challenges"),
        ("get", "/api/v1/challenges/{challenge_id}"),
        ("post", "/api/v1/challenges/{challenge_id}/confirm"),
    }
    for calls in described["paths"].values():
        for call in calls.values():
            ((scheme, scopes),) = call["security"][0].items()
            assert scheme == "ServiceTokenAuthentication"
            assert len(scopes) == 1
            assert scopes[0] in {scope.value for scope in Scope}
            assert {"200", "400", "401", "500", "503"} <= call["responses"].keys()
    assert described["components"]["securitySchemes"]["ServiceTokenAuthentication"]["scheme"] == "bearer"


def test_another_organizations_ids_are_unknown_and_nothing_happens(
    bot: Caller, cast: Cast, caller_of: Callable[[Organization], Caller]
) -> None:
    """Charlie's platform with ids of Alice's organization, and the other way round."""
    credential = make_credential(cast.organization)
    give_token(credential)
    charlie = caller_of(cast.other_organization)
    entries = AuditEntry.objects.count()
    for answer in (charlie.get(f"credentials/{credential.pk}"), charlie.post(f"credentials/{credential.pk}/token")):
        refusal = assert_refused(answer, 404, "not_found")
        assert refusal == assert_refused(charlie.get(f"credentials/{UUID(int=7)}"), 404, "not_found")
    assert charlie.get("credentials").json() == {"credentials": [], "next": None}
    assert AuditEntry.objects.count() == entries
    credential.refresh_from_db()
    assert credential.last_used_at is None
    assert bot.get(f"credentials/{credential.pk}").status_code == 200


def test_names_are_inert_json(bot: Caller, cast: Cast) -> None:
    name = '"><img src=x onerror=alert(1)>\u202e\U0001f600'
    make_credential(cast.organization, name)
    answer = bot.get("credentials")
    assert json.loads(answer.content)["credentials"][0]["name"] == name
    assert answer["X-Content-Type-Options"] == "nosniff"
