"""What a service token may do, and with which credentials."""

import importlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps

from credentials.models import ApiIntegration, Credential
from organizations.models import AuditEntry, ServiceToken
from organizations.scopes import HELP, Scope
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.credentials import give_token, make_credential
from tests.support.people import Cast

pytestmark = pytest.mark.django_db
SOME = UUID(int=7)
CALLS: dict[str, tuple[Scope, Callable[[Caller], Any]]] = {
    "list": (Scope.CREDENTIALS_READ, lambda bot: bot.get("credentials")),
    "one": (Scope.CREDENTIALS_READ, lambda bot: bot.get(f"credentials/{SOME}")),
    "token": (Scope.TOKENS_READ, lambda bot: bot.post(f"credentials/{SOME}/token")),
    "token with a body": (Scope.TOKENS_READ, lambda bot: bot.post(f"credentials/{SOME}/token", {"consumer": "c"})),
    "call": (Scope.INTEGRATIONS_CALL, lambda bot: bot.post(f"integrations/{SOME}/call")),
    "hand over": (Scope.CONSUMERS_WRITE, lambda bot: bot.post("consumers", {"id_token": "x"})),
    "challenge": (
        Scope.CONSUMERS_WRITE,
        lambda bot: bot.post(f"credentials/{SOME}/challenges", {"conversation": "c"}),
    ),
    "challenge's status": (Scope.CONSUMERS_WRITE, lambda bot: bot.get(f"challenges/{SOME}")),
    "confirm": (Scope.CONSUMERS_WRITE, lambda bot: bot.post(f"challenges/{SOME}/confirm", {"code": "1"})),
    "train": (Scope.DOMAINS_TRAIN, lambda bot: bot.post(f"domains/{SOME}/credentials")),
}


def restrict(bot: Caller, *, scopes: list[Scope] | None = None, to: list[Credential] | None = None) -> Caller:
    changed: dict[str, Any] = {} if scopes is None else {"scopes": [str(scope) for scope in scopes]}
    if to is not None:
        changed["credential_ids"] = [str(each.pk) for each in to]
    ServiceToken.objects.filter(pk=bot.row.pk).update(**changed)
    return bot


@pytest.mark.parametrize("name", CALLS)
def test_a_call_wants_its_scope_and_names_it(bot: Caller, name: str) -> None:
    needed, call = CALLS[name]
    restrict(bot, scopes=[scope for scope in Scope if scope != needed])
    answer = call(bot)
    assert str(needed) in assert_refused(answer, 403, "insufficient_scope")
    assert answer["WWW-Authenticate"].endswith(f'error="insufficient_scope", scope="{needed}"')
    entry = AuditEntry.objects.get(action="access.denied")
    assert (entry.actor_id, entry.outcome, entry.details) == (str(bot.row.pk), "denied", {"needed": str(needed)})


@pytest.mark.parametrize("name", CALLS)
def test_its_scope_is_all_that_a_call_wants(bot: Caller, name: str) -> None:
    needed, call = CALLS[name]
    assert call(restrict(bot, scopes=[needed])).status_code in {200, 404, 409}
    assert not AuditEntry.objects.filter(action="access.denied").exists()


def test_promise_29_a_restricted_token_finds_the_credentials_that_it_names_and_no_others(
    bot: Caller, cast: Cast
) -> None:
    named, other = make_credential(cast.organization, "Named"), make_credential(cast.organization, "Other")
    give_token(named), give_token(other)
    restrict(bot, to=[named])
    assert bot.post(f"credentials/{named.pk}/token").status_code == 200
    assert bot.get(f"credentials/{named.pk}").status_code == 200
    unknown = assert_refused(bot.post(f"credentials/{UUID(int=9)}/token"), 404, "not_found")
    assert assert_refused(bot.post(f"credentials/{other.pk}/token"), 404, "not_found") == unknown
    assert assert_refused(bot.post(f"credentials/{other.pk}/token", {"consumer": "c"}), 404, "not_found") == unknown
    assert_refused(bot.get(f"credentials/{other.pk}"), 404, "not_found")
    assert_refused(bot.post(f"credentials/{other.pk}/challenges", {"conversation": "c"}), 404, "not_found")
    assert [each["name"] for each in bot.get("credentials").json()["credentials"]] == ["Named"]
    assert not AuditEntry.objects.filter(action="token.served", object_id=str(other.pk)).exists()
    assert AuditEntry.objects.filter(action="access.denied", object_id=str(other.pk)).count() == 4


def test_a_restricted_token_calls_no_integration_of_another_credential(bot: Caller, cast: Cast) -> None:
    named, other = make_credential(cast.organization, "Named"), make_credential(cast.organization, "Other")
    restrict(bot, to=[named])
    integration = ApiIntegration.objects.create(
        organization=cast.organization,
        bot=cast.organization.bots.create(name="Desk"),
        name="Orders",
        url="https://api.example.com/orders",
        credential=other,
    )
    assert_refused(bot.post(f"integrations/{integration.pk}/call"), 404, "not_found")
    assert not AuditEntry.objects.filter(action="integration.called").exists()


def test_a_restricted_token_hands_no_consumer_over_for_a_credential_it_does_not_name(bot: Caller, cast: Cast) -> None:
    restrict(bot, to=[make_credential(cast.organization)])
    assert_refused(bot.post("consumers", {"id_token": "x"}), 404, "not_found")


def test_a_token_whose_only_credential_is_gone_is_not_set_free(bot: Caller, cast: Cast) -> None:
    named, other = make_credential(cast.organization, "Named"), make_credential(cast.organization, "Other")
    restrict(bot, to=[named])
    named.delete()
    assert_refused(bot.post(f"credentials/{other.pk}/token"), 404, "not_found")
    assert bot.get("credentials").json()["credentials"] == []


def test_tokens_from_before_there_were_scopes_keep_all_of_them(bot: Caller) -> None:
    ServiceToken.objects.update(scopes=[])
    migration = importlib.import_module("organizations.migrations.0005_service_token_scopes")
    migration.keep_what_they_had(apps, None)
    bot.row.refresh_from_db()
    assert bot.row.scopes == list(Scope)
    assert bot.row.credential_ids is None


def test_every_scope_says_what_it_is_for() -> None:
    assert set(HELP) == set(Scope)
