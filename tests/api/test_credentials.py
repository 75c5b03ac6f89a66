"""Credentials and their tokens, as a bot's platform asks for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from credentials.models import Credential, OAuthToken
from credentials.models.credential import Status
from credentials.types.base import NoToken
from credentials.types.oauth2.room import OAuth2
from organizations.models import AuditEntry, Organization
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.credentials import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, give_token, make_credential
from tests.support.lying_server import LyingServer, error_answer, token_answer
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential(cast: Cast, lying_server: LyingServer, settings: Any) -> Credential:
    """Its token endpoint is a server that may be called."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    return make_credential(cast.organization, token_url=lying_server.url("/token"))


def test_the_list_says_how_each_credential_stands_and_nothing_secret(bot: Caller, cast: Cast) -> None:
    give_token(make_credential(cast.organization, "Orders"))
    make_credential(
        cast.organization, "Billing", status=Status.NEEDS_AUTHORIZATION, status_reason="it has not been authorized yet"
    )
    answer = bot.get("credentials")
    assert answer.status_code == 200
    told = answer.json()
    assert told["next"] is None
    billing, orders = told["credentials"]
    assert (billing["name"], billing["status"], billing["type"]) == ("Billing", "needs_authorization", "oauth2")
    assert billing["reason"] == "it has not been authorized yet"
    assert (orders["name"], orders["status"], orders["reason"]) == ("Orders", "active", "")
    assert orders.keys() == {
        "id",
        "name",
        "type",
        "status",
        "reason",
        "expires_at",
        "last_used_at",
        "created_at",
        "updated_at",
    }
    for secret in (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET, "v1:"):
        assert secret not in answer.content.decode()


def test_the_list_comes_in_pages_by_name(bot: Caller, cast: Cast) -> None:
    names = [f"Credential {number:02}" for number in range(7)]
    for name in reversed(names):
        make_credential(cast.organization, name)
    found: list[str] = []
    after = ""
    for _ in range(4):
        page = bot.get(f"credentials?limit=2{after}").json()
        found += [row["name"] for row in page["credentials"]]
        after = f"&after={page['next']}"
    assert found == names
    assert page["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=x", f"after={UUID(int=7)}"])
def test_a_page_that_cannot_be_is_refused(bot: Caller, query: str) -> None:
    assert_refused(bot.get(f"credentials?{query}"), 422, "invalid_request")


def test_a_page_cannot_begin_after_another_organizations_credential(bot: Caller, cast: Cast) -> None:
    elsewhere = make_credential(cast.other_organization)
    assert_refused(bot.get(f"credentials?after={elsewhere.pk}"), 422, "invalid_request")


def test_one_credential_by_its_id(bot: Caller, cast: Cast) -> None:
    credential = make_credential(cast.organization, last_used_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    told = bot.get(f"credentials/{credential.pk}").json()
    assert told["id"] == str(credential.pk)
    assert told["last_used_at"] == "2026-01-02T03:04:05Z"


def test_a_living_token_is_handed_out(bot: Caller, credential: Credential, lying_server: LyingServer) -> None:
    ends = give_token(credential).expires_at
    answer = bot.post(f"credentials/{credential.pk}/token")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    told = answer.json()
    assert told.keys() == {"access_token", "token_type", "expires_at", "scope"}
    assert (told["access_token"], told["token_type"], told["scope"]) == (ACCESS_TOKEN, "Bearer", "read")
    assert told["expires_at"].endswith("Z")
    assert ends is not None
    assert abs(datetime.fromisoformat(told["expires_at"]) - ends) < timedelta(seconds=1)
    assert lying_server.requests == []


@pytest.mark.parametrize("body", [{}, {"consumer": "c-1"}, {"consumer": "c-1", "conversation": "v-1"}, None])
def test_the_body_may_name_consumer_and_conversation(bot: Caller, credential: Credential, body: object) -> None:
    give_token(credential)
    assert bot.post(f"credentials/{credential.pk}/token", body).status_code == 200


def test_handing_out_is_recorded_and_the_token_is_not(bot: Caller, credential: Credential) -> None:
    give_token(credential)
    bot.post(f"credentials/{credential.pk}/token")
    entry = AuditEntry.objects.of(credential.organization)[0]
    assert (entry.action, entry.actor_kind, entry.actor_id) == ("token.served", "service_token", str(bot.row.pk))
    assert entry.object_id == str(credential.pk)
    assert ACCESS_TOKEN not in str(list(AuditEntry.objects.values()))
    credential.refresh_from_db()
    assert credential.last_used_at is not None


def test_without_the_entry_there_is_no_token(
    bot: Caller, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("The log cannot be written.")

    give_token(credential)
    monkeypatch.setattr("organizations.chain.append", fail)
    answer = bot.post(f"credentials/{credential.pk}/token")
    assert_refused(answer, 500, "internal_error")
    credential.refresh_from_db()
    assert credential.last_used_at is None


def test_an_expired_token_is_renewed_first(bot: Caller, credential: Credential, lying_server: LyingServer) -> None:
    give_token(credential, expires_in=timedelta(seconds=-1))
    lying_server.on("/token", token_answer("canary-at-2"))
    assert bot.post(f"credentials/{credential.pk}/token").json()["access_token"] == "canary-at-2"
    assert len(lying_server.requests) == 1


def test_a_token_of_unknown_end_is_good_for_an_hour(bot: Caller, credential: Credential) -> None:
    give_token(credential, expires_in=None)
    told = bot.post(f"credentials/{credential.pk}/token").json()
    left = datetime.fromisoformat(told["expires_at"]) - timezone.now()
    assert timedelta(minutes=55) < left <= timedelta(hours=1)


def test_a_credential_that_only_a_person_can_help_answers_409(
    bot: Caller, credential: Credential, lying_server: LyingServer
) -> None:
    answer = bot.post(f"credentials/{credential.pk}/token")
    detail = assert_refused(answer, 409, "needs_authorization")
    assert detail == "It has not been authorized yet."
    give_token(credential, expires_in=timedelta(seconds=-1))
    lying_server.on("/token", error_answer("invalid_grant", "revoked by the owner"))
    detail = assert_refused(bot.post(f"credentials/{credential.pk}/token"), 409, "needs_authorization")
    assert "revoked by the owner" in detail
    for secret in (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN):
        assert secret not in detail


def test_while_the_provider_is_down_the_caller_is_told_when_to_come_back(
    bot: Caller, credential: Credential, lying_server: LyingServer
) -> None:
    give_token(credential, expires_in=timedelta(seconds=-1))
    lying_server.on("/token", error_answer("temporarily_unavailable", status=503))
    answer = bot.post(f"credentials/{credential.pk}/token")
    assert_refused(answer, 503, "temporarily_unavailable")
    assert 1 <= int(answer["Retry-After"]) <= 60
    # Not asked again before that.
    assert_refused(bot.post(f"credentials/{credential.pk}/token"), 503, "temporarily_unavailable")
    assert len(lying_server.requests) == 1


def test_a_type_without_tokens_says_so(bot: Caller, credential: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise NoToken

    give_token(credential)
    monkeypatch.setattr(OAuth2, "token", refuse)
    assert_refused(bot.post(f"credentials/{credential.pk}/token"), 422, "no_token")


def test_secrets_that_cannot_be_opened_need_a_person(bot: Caller, credential: Credential) -> None:
    give_token(credential)
    other = make_credential(credential.organization, "Other")
    Credential.objects.filter(pk=credential.pk).update(secrets=other.secrets)
    detail = assert_refused(bot.post(f"credentials/{credential.pk}/token"), 409, "needs_authorization")
    assert "cannot be opened" in detail


def test_a_type_of_another_version_is_an_answer_too(bot: Caller, credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(kind="from_the_future")
    assert_refused(bot.post(f"credentials/{credential.pk}/token"), 422, "unknown_type")
    assert bot.get(f"credentials/{credential.pk}").json()["type"] == "from_the_future"


def test_a_token_costs_few_queries(
    bot: Caller, credential: Credential, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    give_token(credential)
    bot.post(f"credentials/{credential.pk}/token")
    # Service token, credential and token at once; then begin, lock the log's head, add, move the head, commit.
    with django_assert_num_queries(6):
        assert bot.post(f"credentials/{credential.pk}/token").status_code == 200


def test_the_list_costs_the_same_however_long_it_is(
    bot: Caller, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        make_credential(cast.organization, f"Credential {number}")
    bot.get("credentials")
    with django_assert_num_queries(2):
        assert len(bot.get("credentials").json()["credentials"]) == 20


def test_tokens_of_two_organizations_do_not_meet(
    bot: Caller, cast: Cast, caller_of: Callable[[Organization], Caller]
) -> None:
    ours, theirs = make_credential(cast.organization), make_credential(cast.other_organization)
    give_token(ours, "canary-at-ours")
    give_token(theirs, "canary-at-theirs")
    charlie = caller_of(cast.other_organization)
    assert charlie.post(f"credentials/{theirs.pk}/token").json()["access_token"] == "canary-at-theirs"
    assert_refused(charlie.post(f"credentials/{ours.pk}/token"), 404, "not_found")
    assert_refused(bot.post(f"credentials/{theirs.pk}/token"), 404, "not_found")
    assert not AuditEntry.objects.of(cast.organization).filter(action="token.served").exists()
    assert OAuthToken.objects.filter(generation=1).count() == 2
