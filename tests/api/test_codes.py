"""The OpenAPI document says every word that an error can hold: each is produced here by a request, and no other is."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from credentials.api import views
from credentials.api.codes import BY_CALL, every_code
from credentials.api.limit import WRONG_TOKENS
from credentials.api.urls import MAX_BODY_BYTES
from credentials.models import ConsumerIdentityProvider, Credential, Domain
from credentials.models.credential import Status
from organizations.models import ServiceToken
from organizations.service_tokens import BEGINNING
from tests.api.conftest import Caller
from tests.api.test_consumers import NOBODY_ASKS, answer_of, pre_authentication
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.identity import make_provider
from tests.support.lying_server import LyingServer, error_answer
from tests.support.people import Cast

pytestmark = pytest.mark.django_db
NOTHING = UUID(int=7)


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/api/v1/openapi.json").json()
    return described


class Scene:
    """What the requests below need."""

    def __init__(self, bot: Caller, cast: Cast, server: LyingServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bot, self.cast, self.server, self.monkeypatch = bot, cast, server, monkeypatch

    def credential(self, **columns: Any) -> Credential:
        return make_credential(self.cast.organization, token_url=self.server.url("/token"), **columns)

    def with_token(self, **columns: Any) -> Credential:
        made = self.credential()
        give_token(made, **columns)
        return made

    def of_kind(self, kind: str, **payload: Any) -> Credential:
        made = Credential(
            organization=self.cast.organization, account=self.cast.account, name=kind, kind=kind, payload=payload
        )
        made.seal("secrets", {"username": "u", "password": "p"})
        made.save()
        return made

    def provider(self, **columns: Any) -> ConsumerIdentityProvider:
        return make_provider(self.cast.account, self.server, **columns)

    def authentication(self, client_id: str = "brand-client") -> Credential:
        address = f"https://idp.example/authorize?client_id={client_id}&response_type=code"
        return self.of_kind("consumer_authentication", authentication_url=address, scope="openid")

    def call(self, template: str, body: object = None, **columns: Any) -> Any:
        made = make_integration(self.cast.organization, self.server.url("/"), **{"method": "POST", **columns})
        type(made).objects.filter(pk=made.pk).update(body=template)
        return self.bot.post(f"integrations/{made.pk}/call", body)

    def token_of(self, credential: Credential, body: object = None) -> Any:
        return self.bot.post(f"credentials/{credential.pk}/token", body)

    def challenge(self, credential: Credential, **body: Any) -> Any:
        return self.bot.post(f"credentials/{credential.pk}/challenges", {"conversation": "v-1", **body})

    def hand_over(self, answer: Any) -> Any:
        self.provider()
        self.server.on("/token", answer)
        return self.bot.post("consumers", NOBODY_ASKS)


def wrong_method(scene: Scene) -> Any:
    return scene.bot.client.delete("/api/v1/credentials", headers={"Authorization": f"Bearer {scene.bot.token}"})


def without_scope(scene: Scene) -> Any:
    ServiceToken.objects.update(scopes=["tokens:read"])
    return scene.bot.get("credentials")


def too_many_wrong_tokens(scene: Scene) -> Any:
    for _ in range(WRONG_TOKENS + 1):
        answer = Client().get("/api/v1/credentials", headers={"Authorization": "Bearer bat_wrong"})
    return answer


def no_token_endpoint(scene: Scene) -> Any:
    scene.provider(token_endpoint="")
    return scene.challenge(scene.authentication())


def wrong_confirmation(scene: Scene) -> Any:
    scene.provider()
    link = scene.challenge(scene.authentication(), confirm=True)
    assert link.status_code == 200, link.content
    return scene.bot.post(f"challenges/{link.json()['id']}/confirm", {"code": "000000"})


def wrong_id_token(scene: Scene) -> Any:
    idp = scene.provider()
    scene.server.on("/token", answer_of(idp, claims={"aud": "other"}))
    return scene.bot.post("consumers", NOBODY_ASKS)


def domain_without_credential(scene: Scene) -> Any:
    domain = Domain.objects.create(organization=scene.cast.organization, name="Bare")
    return scene.bot.post(f"domains/{domain.pk}/credentials")


def breaks(error: Exception) -> Callable[[Scene], Any]:
    def request(scene: Scene) -> Any:
        def fail(*args: object) -> None:
            raise error

        scene.monkeypatch.setattr(views, "credentials_of", fail)
        return scene.bot.get("credentials")

    return request


PRODUCED: Mapping[tuple[int, str], Callable[[Scene], Any]] = {
    (400, "invalid_request"): lambda scene: scene.bot.get(f"credentials?token={scene.bot.token}"),
    (401, "unauthorized"): lambda scene: Client().get("/api/v1/credentials"),
    (403, "insufficient_scope"): without_scope,
    (404, "not_found"): lambda scene: scene.bot.get(f"credentials/{NOTHING}"),
    (405, "method_not_allowed"): wrong_method,
    (409, "needs_authorization"): lambda scene: scene.token_of(scene.credential(status=Status.NEEDS_AUTHORIZATION)),
    (409, "consumer_not_authenticated"): lambda scene: scene.token_of(pre_authentication(scene.cast.organization)),
    (409, "no_identity_provider"): lambda scene: scene.bot.post("consumers", NOBODY_ASKS),
    (409, "not_configured"): no_token_endpoint,
    (413, "too_large"): lambda scene: scene.bot.post("consumers", raw=b" " * (MAX_BODY_BYTES + 1)),
    (422, "invalid_request"): lambda scene: scene.bot.post("consumers", {"code": 5}),
    (422, "no_token"): lambda scene: scene.token_of(scene.of_kind("third_party_nlu")),
    (422, "unknown_type"): lambda scene: scene.token_of(scene.of_kind("of_a_later_version")),
    (422, "missing_variable"): lambda scene: scene.call('{"a": {$botContext.a}}', {"variables": {}}),
    (422, "invalid_variable"): lambda scene: scene.call(
        "", {"variables": {"a": "b\nc"}}, headers=[["X-A", "{$botContext.a}"]]
    ),
    (422, "no_credential"): domain_without_credential,
    (422, "no_challenge"): lambda scene: scene.challenge(scene.with_token()),
    (422, "wrong_confirmation"): wrong_confirmation,
    (422, "invalid_id_token"): wrong_id_token,
    (422, "hand_over_refused"): lambda scene: scene.hand_over(error_answer("invalid_grant")),
    (429, "too_many_requests"): too_many_wrong_tokens,
    (500, "internal_error"): breaks(RuntimeError("inside")),
    (503, "temporarily_unavailable"): breaks(OperationalError("gone")),
}


def in_document(document: Mapping[str, Any]) -> set[tuple[int, str]]:
    """Every status and word that a call of the document can be refused with."""
    return {
        (int(status), word)
        for calls in document["paths"].values()
        for call in calls.values()
        for status, told in call["responses"].items()
        if status != "200"
        for word in told["content"]["application/json"]["schema"]["allOf"][1]["properties"]["error"]["enum"]
    }


def test_every_word_of_the_document_has_a_request_that_produces_it(document: dict[str, Any]) -> None:
    assert in_document(document) | {(405, "method_not_allowed")} == set(PRODUCED)
    words = document["components"]["schemas"]["ErrorAnswer"]["properties"]["error"]["enum"]
    assert set(words) == {word for _, word in PRODUCED}


@pytest.mark.parametrize(("status", "word"), PRODUCED, ids=lambda part: str(part))
def test_a_request_produces_the_word(
    bot: Caller,
    cast: Cast,
    lying_server: LyingServer,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    document: dict[str, Any],
    status: int,
    word: str,
) -> None:
    cache.clear()
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    answer = PRODUCED[status, word](Scene(bot, cast, lying_server, monkeypatch))
    assert (answer.status_code, answer.json()["error"]) == (status, word), answer.content
    called = answer.resolver_match
    if word == "method_not_allowed":
        return
    described = next(
        call["responses"][str(status)]
        for calls in document["paths"].values()
        for method, call in calls.items()
        if called and method == answer.request["REQUEST_METHOD"].lower() and matches(document, call, answer)
    )
    schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
    assert jsonschema_rs.is_valid(schema, answer.json())
    for header in described.get("headers", {}):
        assert answer[header]


def matches(document: Mapping[str, Any], call: Mapping[str, Any], answer: Any) -> bool:
    """Whether this is the call that was made."""
    path = next(path for path, calls in document["paths"].items() if call in calls.values())
    return bool(re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", path), answer.request["PATH_INFO"]))


def literals_of_errors() -> set[str]:
    """Every word that the code of the API answers with."""
    folder = Path(views.__file__).parent
    text = "".join(file.read_text() for file in folder.glob("*.py") if file.name not in ("codes.py", "document.py"))
    calls = re.findall(
        r'(?:answer\(\s*(?:HTTPStatus\.\w+|error\.status_code),|Refusal\(\d+,|unprocessable\()\s*"(\w+)"', text
    )
    return set(calls)


def test_every_word_in_the_code_is_in_the_table() -> None:
    assert literals_of_errors() == {code.error for code in every_code()}


def test_every_call_says_how_it_can_be_refused(document: dict[str, Any]) -> None:
    ids = {call["operationId"] for calls in document["paths"].values() for call in calls.values()}
    assert ids == set(BY_CALL)


def test_the_documentation_lists_every_word() -> None:
    """Each in one row, and the rows in order of their status."""
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| ([^|]*) \|", text, re.MULTILINE)
    listed = [(int(status), word) for status, words in rows for word in re.findall(r"`(\w+)`", words)]
    assert sorted(listed) == sorted((code.status, code.error) for code in every_code())
    assert [status for status, _ in listed] == sorted(status for status, _ in listed)


def test_it_is_openapi_3_1_with_one_security_scheme_and_an_address(document: dict[str, Any], settings: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["servers"][0]["url"] == settings.PUBLIC_URL
    schemes = document["components"]["securitySchemes"]
    assert [(name, each["type"], each["scheme"]) for name, each in schemes.items()] == [
        ("ServiceTokenAuthentication", "http", "bearer")
    ]
    for calls in document["paths"].values():
        for call in calls.values():
            assert [*call["security"][0]] == [*schemes]
            assert call["description"]
            assert call["tags"][0] in {tag["name"] for tag in document["tags"]}


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    checked = 0
    for calls in document["paths"].values():
        for call in calls.values():
            for told in call["responses"].values():
                content = told["content"]["application/json"]
                schema = {**content["schema"], "components": document["components"]}
                examples = [each["value"] for each in content.get("examples", {}).values()] or [content["example"]]
                for example in examples:
                    assert jsonschema_rs.is_valid(schema, example, validate_formats=True), (
                        call["operationId"],
                        example,
                    )
                    checked += 1
    assert checked > 60


def test_no_example_could_be_a_token_of_ours(document: dict[str, Any]) -> None:
    assert not re.search(rf"{BEGINNING}[A-Za-z0-9]", json.dumps(document))


def test_a_token_that_has_ended_and_cannot_be_renewed_now_says_when_to_come_back(
    bot: Caller, cast: Cast, lying_server: LyingServer, settings: Any
) -> None:
    """The other way to a 503, which is no matter of the database."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    lying_server.on("/token", error_answer("server_error", status=500))
    made = make_credential(cast.organization, token_url=lying_server.url("/token"))
    give_token(made, expires_in=timedelta(seconds=-1))
    answer = bot.post(f"credentials/{made.pk}/token")
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
