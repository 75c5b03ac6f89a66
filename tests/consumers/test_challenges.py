"""A consumer is asked to sign in during a conversation: from the bot's call to the token of this one conversation."""

import io
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, Credential
from credentials.models.challenge import ChallengeStatus
from credentials.services import challenge_exchange, sweep
from organizations.models import AuditEntry, Organization
from tests.api.conftest import Caller, bot, caller_of
from tests.api.test_door import assert_refused
from tests.support.credentials import make_integration
from tests.support.identity import ALICE, BOB, CLIENT_ID, CLIENT_SECRET, id_token, make_provider
from tests.support.journeys import token_server
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer, json_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once

__all__ = ["bot", "caller_of", "token_server"]

pytestmark = pytest.mark.django_db
CALLBACK = "http://127.0.0.1:8000/callback/12345566/redirectedCode"
REFRESH = "canary-refresh-token"
TOKEN = "canary-at"
SECONDS_AGO = timedelta(seconds=5)


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def idp(cast: Cast, token_server: LyingServer) -> ConsumerIdentityProvider:
    return make_provider(cast.account, token_server)


@pytest.fixture
def credential(cast: Cast, idp: ConsumerIdentityProvider) -> Credential:
    url = f"{idp.authorization_endpoint}?client_id={CLIENT_ID}&response_type=code&redirect_uri={CALLBACK}&scope=openid"
    made = Credential(
        organization=cast.organization,
        account=cast.account,
        name="Shoppers",
        kind="consumer_authentication",
        payload={"authentication_url": url},
    )
    made.seal("secrets", {})
    made.save()
    return made


@dataclass
class Consumer:
    """Somebody with a link and a browser."""

    client: Client
    sent: dict[str, str]

    def come_back(self, client: Client | None = None, **query: str) -> Any:
        given = {"state": self.sent["state"], "code": "canary-code", **query}
        return (client or self.client).get("/callback/12345566/redirectedCode", given)

    def page(self) -> str:
        challenge = ConsumerChallenge.objects.exclude(nonce_digest="").latest("created_at")
        text: str = self.client.get(f"/consumer/result/{challenge.pk}/").content.decode()
        return text


def ask(bot: Caller, credential: Credential, conversation: str = "c-1", **more: Any) -> Any:
    answer = bot.post(f"credentials/{credential.pk}/challenges", {"conversation": conversation, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def press(link: str, client: Client | None = None) -> Consumer:
    client = client or Client()
    answer = client.post(urlsplit(link).path)
    assert answer.status_code == 303, answer.content
    query = parse_qs(urlsplit(answer["Location"]).query)
    return Consumer(client, {name: values[0] for name, values in query.items()})


def will_answer(
    server: LyingServer,
    idp: ConsumerIdentityProvider,
    consumer: Consumer,
    access_token: str = TOKEN,
    **claims: Any,
) -> None:
    """The token endpoint answers for this sign-in, whose nonce the ID token carries."""
    proof = id_token(idp.issuer, **{"nonce": consumer.sent["nonce"], **claims})
    server.on("/token", token_answer(access_token, refresh_token=REFRESH, id_token=proof))


def work() -> int:
    return sum(challenge_exchange.exchange(each) for each in sweep.find().challenges)


def authenticate(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    server: LyingServer,
    conversation: str = "c-1",
    access_token: str = TOKEN,
    sub: str = ALICE,
    **more: Any,
) -> tuple[str, Consumer]:
    asked = ask(bot, credential, conversation, **more)
    consumer = press(asked["url"])
    will_answer(server, idp, consumer, access_token, sub=sub)
    assert consumer.come_back().status_code == 303
    assert work() == 1
    return asked["id"], consumer


def token(bot: Caller, credential: Credential, **body: str) -> Any:
    return bot.post(f"credentials/{credential.pk}/token", body)


def status(bot: Caller, challenge_id: str) -> tuple[str, str | None]:
    told = bot.get(f"challenges/{challenge_id}").json()
    return told["status"], told["error"]


def test_a_consumer_signs_in_and_the_conversation_has_their_token(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")
    challenge_id, consumer = authenticate(bot, credential, idp, token_server)
    assert consumer.sent["redirect_uri"] == CALLBACK
    sent = next(request.form for request in token_server.requests if request.path == "/token")
    assert (sent["code"], sent["redirect_uri"]) == ("canary-code", CALLBACK)
    assert len(sent["code_verifier"]) >= 43
    told = bot.get(f"challenges/{challenge_id}").json()
    assert (told["status"], told["consumer"], told["error"]) == ("succeeded", ALICE, None)
    served = token(bot, credential, conversation="c-1").json()
    assert (served["access_token"], served["token_type"]) == ("canary-at", "Bearer")
    assert "You can go back to the chat." in consumer.page()
    assert "canary" not in consumer.page()


def test_promise_13_a_token_of_one_conversation_is_never_served_in_another(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    authenticate(bot, credential, idp, token_server, "c-1", "canary-alice", ALICE)
    authenticate(bot, credential, idp, token_server, "c-2", "canary-bob", BOB)
    assert token(bot, credential, conversation="c-1").json()["access_token"] == "canary-alice"
    assert token(bot, credential, conversation="c-2").json()["access_token"] == "canary-bob"
    for body in ({}, {"conversation": "c-3"}, {"conversation": "C-1"}, {"consumer": ALICE}):
        assert_refused(token(bot, credential, **body), 409, "consumer_not_authenticated")
    wrong_person = token(bot, credential, conversation="c-2", consumer=ALICE)
    assert_refused(wrong_person, 409, "consumer_not_authenticated")


def test_a_call_carries_the_token_of_its_conversation(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer, cast: Cast
) -> None:
    token_server.on("/orders", json_answer({"order": 1}))
    integration = make_integration(cast.organization, token_server.url("/orders"), credential=credential)
    path = f"integrations/{integration.pk}/call"
    assert_refused(bot.post(path, {"conversation": "c-1"}), 409, "consumer_not_authenticated")
    authenticate(bot, credential, idp, token_server)
    assert bot.post(path, {"conversation": "c-1"}).json()["success"] is True
    assert_refused(bot.post(path, {"conversation": "c-2"}), 409, "consumer_not_authenticated")
    carried = [request.headers["authorization"] for request in token_server.requests if request.path == "/orders"]
    assert carried == ["Bearer canary-at"]


def test_a_token_of_a_conversation_that_is_turned_down_is_not_renewed(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer, cast: Cast
) -> None:
    """There is nothing to renew it with: the 401 is the bot's, who asks for another challenge."""
    token_server.on("/orders", Answer(status=401))
    integration = make_integration(cast.organization, token_server.url("/orders"), credential=credential)
    authenticate(bot, credential, idp, token_server)
    token_server.requests.clear()
    told = bot.post(f"integrations/{integration.pk}/call", {"conversation": "c-1"}).json()
    assert (told["status"], told["attempts"]) == (401, 1)
    assert [request.path for request in token_server.requests] == ["/orders"]


def test_no_refresh_token_is_stored_and_an_ended_token_is_asked_for_anew(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    authenticate(bot, credential, idp, token_server)
    row = ConsumerChallenge.objects.get()
    assert (row.code, row.verifier, row.answer, row.id_token_nonce) == ("", "", "", "")
    asked = len(token_server.requests)
    ConsumerChallenge.objects.update(token_expires_at=timezone.now() - SECONDS_AGO)
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")
    assert len(token_server.requests) == asked
    sweep.tidy()
    assert ConsumerChallenge.objects.get().access_token == ""
    authenticate(bot, credential, idp, token_server, access_token="canary-again")
    assert token(bot, credential, conversation="c-1").json()["access_token"] == "canary-again"


def test_promise_13_the_preview_of_a_link_never_uses_it_up(bot: Caller, credential: Credential) -> None:
    link = ask(bot, credential)["url"]
    path = urlsplit(link).path
    for _ in range(3):
        page = Client().get(path, headers={"User-Agent": "WhatsApp/2.0"})
        assert page.status_code == 200
        assert Client().head(path).status_code == 200
    assert "Golden Gate Travel" in page.content.decode()
    assert "Brand sign-in" in page.content.decode()
    assert (page["Referrer-Policy"], "no-store" in page["Cache-Control"]) == ("same-origin", True)
    assert ConsumerChallenge.objects.get().status == ChallengeStatus.WAITING
    press(link)


def test_the_button_wants_a_csrf_token(bot: Caller, credential: Credential) -> None:
    link = ask(bot, credential)["url"]
    assert Client(enforce_csrf_checks=True).post(urlsplit(link).path).status_code == 403
    assert ConsumerChallenge.objects.get().status == ChallengeStatus.WAITING


def test_promise_13_a_link_works_once(bot: Caller, credential: Credential) -> None:
    path = urlsplit(ask(bot, credential)["url"]).path
    client = Client()
    press(path, client)
    for again in (client.post(path), Client().post(path), client.get(path)):
        assert again.status_code == 400
        assert "already used" in again.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_at_once_one_goes_on(bot: Caller, credential: Credential) -> None:
    path = urlsplit(ask(bot, credential)["url"]).path
    answers = at_once([lambda: Client().post(path)] * 6)
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400, 400]


def test_promise_13_a_link_ends_after_half_an_hour(bot: Caller, credential: Credential) -> None:
    asked = ask(bot, credential)
    row = ConsumerChallenge.objects.get()
    assert row.expires_at - row.created_at == timedelta(minutes=30)
    ConsumerChallenge.objects.update(expires_at=timezone.now() - SECONDS_AGO)
    for answer in (Client().get(urlsplit(asked["url"]).path), Client().post(urlsplit(asked["url"]).path)):
        assert answer.status_code == 400
        assert "expired" in answer.content.decode()
    assert status(bot, asked["id"]) == ("failed", "expired")
    sweep.tidy()
    assert ConsumerChallenge.objects.get().error == "expired"


def test_a_refused_link_is_not_in_the_log(bot: Caller, credential: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django names the path of what it refuses; the handle of this one can still be used."""
    link = urlsplit(ask(bot, credential)["url"]).path
    console = next(handler for handler in logging.getLogger().handlers if handler.get_name() == "console")
    written = io.StringIO()
    monkeypatch.setattr(console, "stream", written)
    assert Client(enforce_csrf_checks=True).post(link).status_code == 403
    assert "Forbidden (CSRF cookie not set.): /consumer/[hidden]/" in written.getvalue()
    assert link not in written.getvalue()


def test_an_unknown_link_leads_nowhere(client: Client) -> None:
    assert client.get(f"/consumer/{'a' * 43}/").status_code == 400
    assert client.post(f"/consumer/{'a' * 43}/").status_code == 400


def test_another_browser_cannot_finish_what_this_one_started(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    consumer = press(ask(bot, credential)["url"])
    will_answer(token_server, idp, consumer)
    stranger = Client()
    press(ask(bot, credential, "c-9")["url"], stranger)
    for thief in (Client(), stranger):
        refused = consumer.come_back(thief)
        assert refused.status_code == 400
        assert "another browser" in refused.content.decode()
    assert work() == 0
    assert [request for request in token_server.requests if request.path == "/token"] == []
    assert consumer.come_back().status_code == 303
    started = ConsumerChallenge.objects.get(conversation="c-1")
    assert stranger.get(f"/consumer/result/{started.pk}/").status_code == 404
    assert Client().get(f"/consumer/result/{started.pk}/").status_code == 404


def test_an_answer_counts_once(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    consumer = press(ask(bot, credential)["url"])
    will_answer(token_server, idp, consumer)
    assert consumer.come_back().status_code == 303
    for _ in range(2):
        assert consumer.come_back().status_code == 400
    assert (work(), work()) == (1, 0)
    assert consumer.come_back().status_code == 400
    assert [request.path for request in token_server.requests].count("/token") == 1


def test_a_made_up_or_late_answer_and_another_accounts_callback_are_refused(
    bot: Caller, credential: Credential, cast: Cast
) -> None:
    consumer = press(ask(bot, credential)["url"])
    assert consumer.come_back(state="x" * 43).status_code == 400
    other = consumer.client.get(
        f"/callback/{cast.other_account.number}/redirectedCode", {"state": consumer.sent["state"], "code": "c"}
    )
    assert other.status_code == 400
    ConsumerChallenge.objects.update(expires_at=timezone.now() - SECONDS_AGO)
    assert consumer.come_back().status_code == 400
    assert ConsumerChallenge.objects.get().status == ChallengeStatus.STARTED


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"error": "access_denied", "code": ""}, "access_denied"),
        ({"code": ""}, "invalid_request"),
        ({"iss": "https://evil.example"}, "iss_mismatch"),
    ],
    ids=str,
)
def test_a_refusal_is_told_to_the_bot(bot: Caller, credential: Credential, query: dict[str, str], error: str) -> None:
    asked = ask(bot, credential)
    consumer = press(asked["url"])
    assert consumer.come_back(**query).status_code == 303
    assert status(bot, asked["id"]) == ("failed", error)
    assert work() == 0
    page = consumer.page()
    assert "Signing in did not work" in page
    assert "You can go back to the chat." in page


def test_promise_22_a_code_that_comes_back_beside_an_error_is_not_kept(bot: Caller, credential: Credential) -> None:
    consumer = press(ask(bot, credential)["url"])
    said = {"error": "access_denied", "error_description": f"no canary-code for {consumer.sent['state']}"}
    assert consumer.come_back(**said).status_code == 303
    row = repr(ConsumerChallenge.objects.values().get())
    assert "no [hidden] for [hidden]" in row
    assert "canary-code" not in row + consumer.page()
    assert consumer.sent["state"] not in row + consumer.page()


@pytest.mark.parametrize("code", ["wrong_subject", "expired", "wrong_confirmation", "changed", "iss_mismatch"])
def test_an_identity_provider_cannot_speak_in_our_words(bot: Caller, credential: Credential, code: str) -> None:
    asked = ask(bot, credential)
    press(asked["url"]).come_back(error=code)
    assert status(bot, asked["id"]) == ("failed", "refused")


def test_promise_13_somebody_else_than_expected_gets_no_token_and_the_status_says_so(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    challenge_id, _ = authenticate(bot, credential, idp, token_server, sub=BOB, subject=ALICE)
    assert status(bot, challenge_id) == ("failed", "wrong_subject")
    assert bot.get(f"challenges/{challenge_id}").json()["consumer"] is None
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")
    assert ConsumerChallenge.objects.get().access_token == ""
    challenge_id, _ = authenticate(bot, credential, idp, token_server, sub=ALICE, subject=ALICE)
    assert status(bot, challenge_id) == ("succeeded", None)


def test_whoever_is_expected_has_to_be_proven(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    asked = ask(bot, credential, subject=ALICE)
    consumer = press(asked["url"])
    token_server.on("/token", token_answer("canary-at"))
    consumer.come_back()
    work()
    assert status(bot, asked["id"]) == ("failed", "subject_unknown")
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")


@pytest.mark.parametrize("claims", [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.example"}], ids=str)
def test_a_wrong_id_token_ends_it(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    token_server: LyingServer,
    claims: dict[str, Any],
) -> None:
    asked = ask(bot, credential)
    consumer = press(asked["url"])
    will_answer(token_server, idp, consumer, **claims)
    consumer.come_back()
    work()
    assert status(bot, asked["id"]) == ("failed", "invalid_id_token")
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")


def test_until_the_consumer_has_told_the_bot_the_code_no_token_is_served(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    challenge_id, consumer = authenticate(bot, credential, idp, token_server, confirm=True)
    assert status(bot, challenge_id) == ("unconfirmed", None)
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")
    found = re.search(r'id="confirmation-code">(\d{6})<', consumer.page())
    assert found
    assert found[1] not in bot.get(f"challenges/{challenge_id}").content.decode()
    wrong = f"{(int(found[1]) + 1) % 10**6:06}"
    assert_refused(bot.post(f"challenges/{challenge_id}/confirm", {"code": wrong}), 422, "wrong_confirmation")
    assert bot.post(f"challenges/{challenge_id}/confirm", {"code": f" {found[1]} "}).json()["status"] == "succeeded"
    assert token(bot, credential, conversation="c-1").json()["access_token"] == "canary-at"
    assert_refused(bot.post(f"challenges/{challenge_id}/confirm", {"code": found[1]}), 422, "wrong_confirmation")


def test_the_fifth_wrong_code_ends_it(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    challenge_id, consumer = authenticate(bot, credential, idp, token_server, confirm=True)
    right = re.search(r'id="confirmation-code">(\d{6})<', consumer.page())
    assert right
    for _ in range(5):
        assert_refused(bot.post(f"challenges/{challenge_id}/confirm", {"code": "x"}), 422, "wrong_confirmation")
    assert status(bot, challenge_id) == ("failed", "wrong_confirmation")
    assert_refused(bot.post(f"challenges/{challenge_id}/confirm", {"code": right[1]}), 422, "wrong_confirmation")
    assert_refused(token(bot, credential, conversation="c-1"), 409, "consumer_not_authenticated")


def test_a_worker_that_dies_after_the_answer_loses_nothing(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    token_server: LyingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ask(bot, credential)
    consumer = press(asked["url"])
    will_answer(token_server, idp, consumer)
    consumer.come_back()

    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(challenge_exchange, "settle", die)
        with pytest.raises(Killed):
            work()
    assert sweep.find().challenges == []  # its lease still runs
    ConsumerChallenge.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    assert work() == 1
    assert status(bot, asked["id"]) == ("succeeded", None)
    assert [request.path for request in token_server.requests].count("/token") == 1


def test_a_worker_that_dies_before_the_answer_is_followed_by_one_more_and_no_third(
    bot: Caller,
    credential: Credential,
    idp: ConsumerIdentityProvider,
    token_server: LyingServer,
) -> None:
    asked = ask(bot, credential)
    press(asked["url"]).come_back()
    ConsumerChallenge.objects.update(
        status=ChallengeStatus.EXCHANGING, attempts=2, claimed_at=timezone.now() - timedelta(minutes=1)
    )
    assert work() == 1
    assert status(bot, asked["id"]) == ("failed", "interrupted")
    assert [request.path for request in token_server.requests].count("/token") == 0


def test_keys_that_cannot_be_had_now_are_fetched_by_the_next_try(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    asked = ask(bot, credential)
    consumer = press(asked["url"])
    will_answer(token_server, idp, consumer)
    keys = token_server._scripts["/jwks"]
    token_server.on("/jwks", Answer(status=503))
    consumer.come_back()
    work()
    assert status(bot, asked["id"]) == ("exchanging", None)
    token_server._scripts["/jwks"] = keys
    ConsumerChallenge.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    work()
    assert status(bot, asked["id"]) == ("succeeded", None)


def test_a_provider_that_refuses_the_code_is_quoted_without_it(
    bot: Caller, credential: Credential, token_server: LyingServer
) -> None:
    asked = ask(bot, credential)
    press(asked["url"]).come_back()
    token_server.on("/token", error_answer("invalid_grant", f"canary-code of {CLIENT_SECRET} was used"))
    work()
    told = bot.get(f"challenges/{asked['id']}").json()
    assert (told["status"], told["error"]) == ("failed", "invalid_grant")
    assert "canary" not in told["reason"]
    assert "canary" not in ConsumerChallenge.objects.get().error_description


def test_a_later_sign_in_takes_the_place_of_an_earlier_one(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    authenticate(bot, credential, idp, token_server, access_token="canary-first")
    authenticate(bot, credential, idp, token_server, access_token="canary-second", sub=BOB)
    assert token(bot, credential, conversation="c-1").json()["access_token"] == "canary-second"
    assert ConsumerChallenge.objects.exclude(access_token="").count() == 1


def test_another_organization_sees_and_does_nothing(
    bot: Caller, credential: Credential, cast: Cast, caller_of: Callable[[Organization], Caller]
) -> None:
    asked = ask(bot, credential)
    charlie = caller_of(cast.other_organization)
    entries = AuditEntry.objects.count()
    for answer in (
        charlie.post(f"credentials/{credential.pk}/challenges", {"conversation": "c-1"}),
        charlie.get(f"challenges/{asked['id']}"),
        charlie.post(f"challenges/{asked['id']}/confirm", {"code": "1"}),
        charlie.post(f"credentials/{credential.pk}/token", {"conversation": "c-1"}),
    ):
        assert_refused(answer, 404, "not_found")
    assert ConsumerChallenge.objects.count() == 1
    assert AuditEntry.objects.count() == entries


def test_what_does_not_go_together_is_said_before_a_link_is_sent(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider
) -> None:
    path = f"credentials/{credential.pk}/challenges"
    body = {"conversation": "c-1"}
    ConsumerIdentityProvider.objects.update(client_id="another")
    assert_refused(bot.post(path, body), 409, "not_configured")
    ConsumerIdentityProvider.objects.update(client_id=CLIENT_ID, token_endpoint="")
    assert_refused(bot.post(path, body), 409, "not_configured")
    ConsumerIdentityProvider.objects.all().delete()
    assert_refused(bot.post(path, body), 409, "no_identity_provider")
    assert_refused(bot.post(path, {}), 422, "invalid_request")
    Credential.objects.update(kind="oauth2")
    assert_refused(bot.post(path, body), 422, "no_challenge")
    assert not ConsumerChallenge.objects.exists()


def test_nothing_secret_stands_in_the_database_at_any_moment(
    bot: Caller, credential: Credential, idp: ConsumerIdentityProvider, token_server: LyingServer
) -> None:
    dumps: list[str] = []

    def dump() -> None:
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                dumps.append(repr(cursor.fetchall()))

    asked = ask(bot, credential, confirm=True)
    dump()
    consumer = press(asked["url"])
    dump()
    will_answer(token_server, idp, consumer)
    consumer.come_back()
    dump()
    work()
    dump()
    text = "".join(dumps)
    handle = urlsplit(asked["url"]).path.split("/")[2]
    for secret in ("canary", CLIENT_SECRET, handle, consumer.sent["state"], consumer.sent["nonce"]):
        assert secret not in text
    assert isinstance(token_server.requests[0], Recorded)
