"""Consumers who signed in before the conversation: handed over, kept, renewed, and carried by a bot's call."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from credentials.models import ConsumerIdentityProvider, ConsumerToken, ConsumerTokenAttempt, Credential
from credentials.models.leased import Attempt, AttemptState, Grant
from credentials.services import call, consumers, journal, sweep
from credentials.services.identity_provider import forget_consumers
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Organization
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.credentials import make_integration
from tests.support.identity import ALICE, BOB, CLIENT_SECRET, id_token, jwks, key, make_provider, public_pem
from tests.support.lying_server import Answer, LyingServer, error_answer, json_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once

pytestmark = pytest.mark.django_db
FIRST = "canary-consumer-1"
NOBODY_ASKS = {"code": "a-code", "redirect_uri": "https://brand.example/back"}


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def idp(cast: Cast, lying_server: LyingServer, settings: Any) -> ConsumerIdentityProvider:
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    return make_provider(cast.account, lying_server)


@pytest.fixture
def credential(cast: Cast) -> Credential:
    return pre_authentication(cast.organization)


def pre_authentication(organization: Organization) -> Credential:
    made = Credential(
        organization=organization, account=organization.account, name="Shoppers", kind="consumer_pre_authentication"
    )
    made.seal("secrets", {})
    made.save()
    return made


def answer_of(idp: ConsumerIdentityProvider, access_token: str = FIRST, **members: Any) -> Answer:
    claims = members.pop("claims", {})
    return token_answer(
        access_token, **{"refresh_token": "canary-refresh-1", "id_token": id_token(idp.issuer, **claims), **members}
    )


def hand_over(bot: Caller, server: LyingServer, idp: ConsumerIdentityProvider, **members: Any) -> Any:
    server.on("/token", answer_of(idp, **members))
    answer = bot.post("consumers", NOBODY_ASKS)
    assert answer.status_code == 200, answer.content
    return answer.json()


def end(subject: str = ALICE, **columns: Any) -> None:
    ended = timezone.now() - timedelta(seconds=5)
    assert ConsumerToken.objects.filter(subject=subject).update(expires_at=ended, refresh_at=ended, **columns)


def test_a_code_is_exchanged_with_its_verifier_and_the_consumer_is_named(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    lying_server.on("/token", answer_of(idp, claims={"nonce": "n-1"}))
    verifier = "v" * 43
    answer = bot.post("consumers", {**NOBODY_ASKS, "code_verifier": verifier, "nonce": "n-1"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["consumer"] == ALICE
    sent = next(request.form for request in lying_server.requests if request.path == "/token")
    assert (sent["grant_type"], sent["code"], sent["code_verifier"]) == ("authorization_code", "a-code", verifier)
    assert sent["redirect_uri"] == NOBODY_ASKS["redirect_uri"]
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert (told["access_token"], told["token_type"]) == ("canary-consumer-1", "Bearer")


def test_an_id_token_of_the_implicit_flow_is_the_token(
    bot: Caller, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    ConsumerIdentityProvider.objects.update(flow="implicit", token_endpoint="")
    handed_over = id_token(idp.issuer, nonce="n-1")
    answer = bot.post("consumers", {"id_token": handed_over, "nonce": "n-1"})
    assert answer.status_code == 200, answer.content
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert told["access_token"] == handed_over
    ConsumerToken.objects.update(expires_at=timezone.now() - timedelta(seconds=5))
    assert_refused(
        bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}), 409, "consumer_not_authenticated"
    )


def test_a_public_key_verifies_as_well(bot: Caller, idp: ConsumerIdentityProvider, lying_server: LyingServer) -> None:
    ConsumerIdentityProvider.objects.update(
        flow="implicit", verification="public_key", jwks_url="", public_key=public_pem(key())
    )
    assert bot.post("consumers", {"id_token": id_token(idp.issuer)}).status_code == 200
    assert lying_server.requests == []


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.example"}, {"aud": "other"}, {"exp": 1_000_000_000}, {"nonce": "n-2"}, {"sub": None}],
    ids=str,
)
def test_a_wrong_id_token_leaves_nothing_behind(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, claims: dict[str, Any]
) -> None:
    lying_server.on("/token", answer_of(idp, claims=claims))
    answer = bot.post("consumers", {**NOBODY_ASKS, "nonce": "n-1"})
    assert_refused(answer, 422, "invalid_id_token")
    assert "canary" not in answer.content.decode()
    assert not ConsumerToken.objects.exists()


def test_an_answer_without_id_token_proves_nobody(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider
) -> None:
    lying_server.on("/token", token_answer("canary-consumer-1", refresh_token="canary-refresh-1"))
    assert_refused(bot.post("consumers", NOBODY_ASKS), 422, "invalid_id_token")
    assert not ConsumerToken.objects.exists()


def test_a_refused_code_says_so_and_an_outage_asks_for_another_try(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider
) -> None:
    lying_server.on("/token", error_answer("invalid_grant", "code a-code was used"), Answer(status=503))
    refused = bot.post("consumers", NOBODY_ASKS)
    assert_refused(refused, 422, "hand_over_refused")
    outage = bot.post("consumers", NOBODY_ASKS)
    assert_refused(outage, 503, "temporarily_unavailable")
    assert int(outage.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "c"},
        {"code": "c", "redirect_uri": "https://x.example", "id_token": "a.b.c"},
        {"id_token": "a.b.c", "redirect_uri": "https://x.example"},
        {"code": "c", "redirect_uri": "https://x.example", "code_verifier": "short"},
        {"code": "c", "redirect_uri": "https://x.example", "subject": "me"},
        {"id_token": "a.b.c"},
    ],
    ids=str,
)
def test_a_hand_over_that_does_not_fit_is_refused(
    bot: Caller, idp: ConsumerIdentityProvider, lying_server: LyingServer, body: dict[str, str]
) -> None:
    """The last one would fit the Implicit flow; the provider is set up for Code."""
    assert_refused(bot.post("consumers", body), 422, "invalid_request")
    assert lying_server.requests == []


def test_without_an_identity_provider_nobody_is_handed_over(bot: Caller) -> None:
    assert_refused(bot.post("consumers", NOBODY_ASKS), 409, "no_identity_provider")


def test_keys_are_fetched_once_and_once_more_for_an_unknown_one(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider
) -> None:
    ConsumerIdentityProvider.objects.update(flow="implicit")

    def asked() -> int:
        return [request.path for request in lying_server.requests].count("/jwks")

    for _ in range(3):
        assert bot.post("consumers", {"id_token": id_token(idp.issuer)}).status_code == 200
    assert asked() == 1
    lying_server.on("/jwks", json_answer(jwks(key(), key("key-2"))))
    rotated = id_token(idp.issuer, signer=key("key-2"))
    assert bot.post("consumers", {"id_token": rotated}).status_code == 200
    assert asked() == 2
    for _ in range(3):
        made_up = id_token(idp.issuer, signer=key("key-3"))
        assert_refused(bot.post("consumers", {"id_token": made_up}), 422, "invalid_id_token")
    assert asked() == 2


def test_keys_that_cannot_be_had_are_no_verdict_on_the_consumer(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider
) -> None:
    ConsumerIdentityProvider.objects.update(flow="implicit")
    lying_server.on("/jwks", Answer(status=500))
    assert_refused(bot.post("consumers", {"id_token": id_token(idp.issuer)}), 503, "temporarily_unavailable")


def test_a_consumer_who_is_unknown_or_not_named_is_not_authenticated(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    for body in (None, {}, {"consumer": BOB}, {"consumer": ALICE.upper()}, {"conversation": ALICE}):
        assert_refused(bot.post(f"credentials/{credential.pk}/token", body), 409, "consumer_not_authenticated")


def test_two_consumers_get_their_own_tokens(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    hand_over(bot, lying_server, idp, access_token="canary-consumer-bob", claims={"sub": BOB})
    for subject, expected in ((ALICE, "canary-consumer-1"), (BOB, "canary-consumer-bob")):
        told = bot.post(f"credentials/{credential.pk}/token", {"consumer": subject}).json()
        assert told["access_token"] == expected


def test_a_call_carries_the_consumers_token(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential, cast: Cast
) -> None:
    hand_over(bot, lying_server, idp)
    lying_server.on("/orders", json_answer({"order": 1}))
    integration = make_integration(cast.organization, lying_server.url("/orders"), credential=credential)
    refused = bot.post(f"integrations/{integration.pk}/call", {"consumer": BOB})
    assert_refused(refused, 409, "consumer_not_authenticated")
    told = bot.post(f"integrations/{integration.pk}/call", {"consumer": ALICE}).json()
    assert (told["success"], told["status"]) == (True, 200)
    carried = [request.headers["authorization"] for request in lying_server.requests if request.path == "/orders"]
    assert carried == ["Bearer canary-consumer-1"]


def test_a_consumers_token_that_the_resource_turns_down_is_a_401_and_no_error_of_ours(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential, cast: Cast
) -> None:
    hand_over(bot, lying_server, idp)
    lying_server.on("/orders", Answer(status=401))
    integration = make_integration(cast.organization, lying_server.url("/orders"), credential=credential)
    told = bot.post(f"integrations/{integration.pk}/call", {"consumer": ALICE}).json()
    assert (told["success"], told["status"]) == (False, 401)


def test_a_consumers_token_that_is_turned_down_is_renewed_and_the_call_repeated_for_that_consumer_alone(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential, cast: Cast
) -> None:
    hand_over(bot, lying_server, idp)
    hand_over(bot, lying_server, idp, access_token="canary-consumer-bob", claims={"sub": BOB})
    lying_server.on("/token", token_answer("canary-consumer-2", refresh_token="canary-refresh-2"))
    lying_server.on("/orders", Answer(status=401), json_answer({"order": 1}))
    integration = make_integration(cast.organization, lying_server.url("/orders"), credential=credential)
    lying_server.requests.clear()
    told = bot.post(f"integrations/{integration.pk}/call", {"consumer": ALICE}).json()
    assert (told["success"], told["attempts"]) == (True, 2)
    asked, renewed, repeated = lying_server.requests
    assert asked.headers["authorization"] == "Bearer canary-consumer-1"
    assert renewed.form["refresh_token"] == "canary-refresh-1"
    assert repeated.headers["authorization"] == "Bearer canary-consumer-2"
    assert ConsumerToken.objects.get(subject=BOB).unseal("access_token") == "canary-consumer-bob"


def test_a_resource_that_turns_down_every_token_of_a_consumer_does_not_make_us_renew_for_ever(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential, cast: Cast
) -> None:
    hand_over(bot, lying_server, idp)
    lying_server.on("/orders", Answer(status=401))
    integration = make_integration(cast.organization, lying_server.url("/orders"), credential=credential)
    lying_server.requests.clear()
    for _ in range(call.RENEWALS_AT_MOST + 2):
        bot.post(f"integrations/{integration.pk}/call", {"consumer": ALICE})
    assert [request.path for request in lying_server.requests].count("/token") == call.RENEWALS_AT_MOST


@pytest.mark.parametrize("refusal", [error_answer("invalid_grant"), Answer(status=503)], ids=["for good", "for now"])
def test_where_no_new_token_is_to_be_had_the_401_stays_a_401(
    bot: Caller,
    lying_server: LyingServer,
    idp: ConsumerIdentityProvider,
    credential: Credential,
    cast: Cast,
    refusal: Answer,
) -> None:
    hand_over(bot, lying_server, idp)
    lying_server.on("/token", refusal)
    lying_server.on("/orders", Answer(status=401))
    integration = make_integration(cast.organization, lying_server.url("/orders"), credential=credential)
    lying_server.requests.clear()
    for _ in range(2):
        told = bot.post(f"integrations/{integration.pk}/call", {"consumer": ALICE}).json()
        assert (told["status"], told["attempts"]) == (401, 1)
    assert [request.path for request in lying_server.requests].count("/token") == 1


def test_an_ended_token_is_renewed_before_the_answer(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.requests.clear()
    lying_server.on("/token", token_answer("canary-consumer-2", refresh_token="canary-refresh-2"))
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert told["access_token"] == "canary-consumer-2"
    assert [request.form["refresh_token"] for request in lying_server.requests] == ["canary-refresh-1"]
    assert ConsumerToken.objects.get().unseal("refresh_token") == "canary-refresh-2"
    assert ConsumerTokenAttempt.objects.get().answer == ""
    assert AuditEntry.objects.filter(action="consumer.renewed").count() == 1


def test_a_refresh_token_never_reaches_an_identity_provider_that_is_entered_meanwhile(
    bot: Caller,
    lying_server: LyingServer,
    idp: ConsumerIdentityProvider,
    credential: Credential,
    serve: Callable[[], LyingServer],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    other, begin = serve(), consumers.ConsumerRenewal.begin
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, other.allow_entry]

    def replaced(renewal: consumers.ConsumerRenewal) -> Attempt:
        attempt = begin(renewal)
        ConsumerIdentityProvider.objects.update(token_endpoint=other.url("/token"))
        forget_consumers(idp.account)
        return attempt

    monkeypatch.setattr(consumers.ConsumerRenewal, "begin", replaced)
    bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
    assert other.requests == []


def test_a_renewal_that_answers_for_another_consumer_is_not_believed(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.on("/token", answer_of(idp, "canary-consumer-bob", claims={"sub": BOB}))
    asked = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
    assert_refused(asked, 409, "consumer_not_authenticated")
    assert ConsumerToken.objects.get().unseal("access_token") == "canary-consumer-1"


def test_a_refused_renewal_ends_it_until_the_consumer_is_handed_over_anew(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.requests.clear()
    lying_server.on("/token", error_answer("invalid_grant"))
    for _ in range(2):
        asked = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
        assert_refused(asked, 409, "consumer_not_authenticated")
    assert len(lying_server.requests) == 1
    hand_over(bot, lying_server, idp, access_token="canary-consumer-3")
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert told["access_token"] == "canary-consumer-3"


def test_an_outage_is_told_and_ends_nothing(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.on("/token", Answer(status=503))
    asked = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
    assert_refused(asked, 503, "temporarily_unavailable")
    ConsumerToken.objects.update(refresh_at=timezone.now() - timedelta(seconds=1))
    lying_server.on("/token", token_answer("canary-consumer-2"))
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert told["access_token"] == "canary-consumer-2"


@pytest.mark.django_db(transaction=True)
def test_many_asking_at_once_cause_one_renewal(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.requests.clear()
    lying_server.on("/token", token_answer("canary-consumer-2", refresh_token="canary-refresh-2"), error_answer("used"))
    path = f"credentials/{credential.pk}/token"
    answers = at_once([lambda: bot.post(path, {"consumer": ALICE})] * 12)
    assert [answer.json().get("access_token") for answer in answers] == ["canary-consumer-2"] * 12
    assert len(lying_server.requests) == 1


def test_the_answer_that_a_dead_process_had_stored_is_applied_by_the_sweep(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    lying_server.requests.clear()
    token = ConsumerToken.objects.get()
    attempt = ConsumerTokenAttempt.objects.create(
        token=token,
        account=token.account,
        grant=Grant.REFRESH_TOKEN,
        generation=token.generation,
        started_at=timezone.now(),
    )
    stored = {"access_token": "canary-consumer-2", "token_type": "Bearer", "refresh_token": "canary-refresh-2"}
    journal.keep_answer(attempt, journal.RawAnswer(200, {}, json.dumps(stored)))
    end(lease_owner="somebody", lease_until=timezone.now() - timedelta(seconds=1))
    (found,) = sweep.find().consumers
    consumers.refresh(found, actor=Actor.worker())
    told = bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).json()
    assert told["access_token"] == "canary-consumer-2"
    assert lying_server.requests == []
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.APPLIED
    assert sweep.find().consumers == []


def test_tokens_of_consumers_who_did_not_come_back_are_deleted(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider
) -> None:
    hand_over(bot, lying_server, idp)
    sweep.delete_old()
    assert ConsumerToken.objects.exists()
    ConsumerToken.objects.update(expires_at=timezone.now() - timedelta(days=31))
    sweep.delete_old()
    assert not ConsumerToken.objects.exists()


def test_tokens_are_the_accounts_and_credentials_an_organizations(
    bot: Caller,
    lying_server: LyingServer,
    idp: ConsumerIdentityProvider,
    credential: Credential,
    cast: Cast,
    caller_of: Callable[[Organization], Caller],
) -> None:
    sister = services.create_organization(Actor.command("test"), cast.account, "Sister", administrator=cast.alice)
    hand_over(caller_of(sister), lying_server, idp)
    assert bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE}).status_code == 200
    refused = caller_of(sister).post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
    assert_refused(refused, 404, "not_found")


def test_another_accounts_consumer_of_the_same_name_is_another_consumer(
    bot: Caller,
    lying_server: LyingServer,
    idp: ConsumerIdentityProvider,
    credential: Credential,
    cast: Cast,
    caller_of: Callable[[Organization], Caller],
) -> None:
    hand_over(bot, lying_server, idp)
    charlie = caller_of(cast.other_organization)
    elsewhere = pre_authentication(cast.other_organization)
    asked = charlie.post(f"credentials/{elsewhere.pk}/token", {"consumer": ALICE})
    assert_refused(asked, 409, "consumer_not_authenticated")
    assert_refused(charlie.post("consumers", NOBODY_ASKS), 409, "no_identity_provider")


def test_nothing_that_was_handed_over_stands_in_the_database_in_plaintext(
    bot: Caller, lying_server: LyingServer, idp: ConsumerIdentityProvider, credential: Credential
) -> None:
    hand_over(bot, lying_server, idp)
    end()
    lying_server.on("/token", token_answer("canary-consumer-2", refresh_token="canary-refresh-2"))
    bot.post(f"credentials/{credential.pk}/token", {"consumer": ALICE})
    dump: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            dump += [repr(row) for row in cursor.fetchall()]
    text = "\n".join(dump)
    assert "canary" not in text
    assert CLIENT_SECRET not in text
    assert ALICE not in "".join(repr(list(AuditEntry.objects.values_list())))
