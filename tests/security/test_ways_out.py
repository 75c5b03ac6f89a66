"""Promises 12 and 38: each request that leaves goes through the guard, and each token call has its bounds."""

import ast
import contextlib
import functools
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from credentials.models import Authorization, ConsumerChallenge, ConsumerIdentityProvider, Domain
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import Client
from credentials.oauth.discovery import Metadata
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter
from credentials.runtime import Unavailable
from credentials.services import (
    account,
    authorize,
    call,
    challenge_exchange,
    consumers,
    delete,
    deliveries,
    domains,
    exchange,
    id_tokens,
    identity_provider,
    notices,
    refresh,
    webhooks,
)
from credentials.services.consumers import CodeHandOver
from organizations.access import enter
from organizations.audit import Actor
from organizations.policies import Action
from tests.support.credentials import make_integration
from tests.support.identity import id_token, make_provider
from tests.support.journeys import authorized_credential, new_credential, received_authorization
from tests.support.lying_server import LyingServer, token_answer
from tests.support.nlu import google_json, new_nlu_credential
from tests.support.people import Cast
from tests.support.processes import ROOT
from tests.support.tokens import make_due

pytestmark = pytest.mark.django_db
WORKER = Actor.worker()
SECRET = "canary-that-must-not-leave"


@dataclass
class Inside:
    """Whoever sends, and a server at an address of this machine that nobody has allowed."""

    cast: Cast
    server: LyingServer
    settings: Settings
    monkeypatch: pytest.MonkeyPatch

    def url(self, path: str) -> str:
        """By https, so that what refuses it is its address."""
        return self.server.url(path).replace("http:", "https:")

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        before = self.settings.OUTBOUND_ALLOW
        self.settings.OUTBOUND_ALLOW = [self.server.allow_entry]
        yield
        self.settings.OUTBOUND_ALLOW = before

    def provider(self) -> ConsumerIdentityProvider:
        urls = {name: self.url(f"/{name}") for name in ("token_endpoint", "jwks_url", "authorization_endpoint")}
        return make_provider(self.cast.account, self.server, **urls)


@pytest.fixture
def inside(cast: Cast, lying_server: LyingServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Inside:
    cache.clear()
    settings.OUTBOUND_ALLOW = []
    lying_server.answers(token_answer())
    return Inside(cast, lying_server, settings, monkeypatch)


def discovery(inside: Inside) -> str:
    assert authorize.discover(inside.url("/authorize")) is None
    return "blocked"


def first_token(inside: Inside) -> str:
    credential = new_credential(inside.cast, inside.url("/token"))
    exchange.exchange(received_authorization(inside.cast, credential))
    return str(Authorization.objects.get(credential=credential).error)


def renewal(inside: Inside) -> str:
    with inside.allowed():
        credential = authorized_credential(inside.cast, inside.server)
    inside.server.connections = 0
    credential.payload["token_url"] = inside.url("/token")
    credential.save()
    make_due(credential)
    assert refresh.refresh(credential.pk, actor=WORKER) is refresh.Outcome.WAIT
    return str(credential.token.attempts.latest("started_at").error)


def revocation(inside: Inside) -> str:
    found = Metadata("i", "a", None, inside.url("/revoke"), iss_parameter_supported=False)
    inside.monkeypatch.setattr(delete, "discover", lambda auth_url: found)
    client = Client(client_id="c", client_secret=SECRET, token_url=inside.url("/token"))
    held = delete.Held(client, inside.url("/authorize"), SECRET, "refresh_token")
    assert delete.revoke(held) is delete.Revocation.FAILED
    return "blocked"


def userinfo(inside: Inside) -> str:
    credential = new_credential(inside.cast, inside.url("/token"))
    waiting = Authorization.objects.get(pk=received_authorization(inside.cast, credential))
    waiting.userinfo_url = inside.url("/userinfo")
    assert account.who(waiting, TokenSet(SECRET, "Bearer", None, None, None, None)) is None
    return "blocked"


def keys_of_the_identity_provider(inside: Inside) -> str:
    with pytest.raises(OAuthFailure) as told:
        id_tokens.verify(inside.provider(), id_token("i"), nonce=None)
    return "blocked" if told.value.code == "keys_unavailable" else told.value.code


def metadata_of_the_identity_provider(inside: Inside) -> str:
    assert identity_provider.discover(inside.url("/idp")) is None
    return "blocked"


def hand_over(inside: Inside) -> str:
    with pytest.raises(OAuthFailure) as told:
        consumers.exchange(inside.provider(), CodeHandOver(SECRET, "https://brand.example/"))
    return told.value.code


def sign_in_of_a_consumer(inside: Inside) -> str:
    inside.provider()
    credential = new_credential(inside.cast, "https://as.example/token")
    now = database_now()
    challenge = ConsumerChallenge(
        credential=credential,
        organization=inside.cast.organization,
        account=inside.cast.account,
        conversation="c-1",
        handle_digest=uuid.uuid4().hex,
        status=ChallengeStatus.RECEIVED,
        created_at=now,
        expires_at=now + authorize.LIFETIME,
    )
    challenge.seal("code", SECRET)
    challenge.save()
    assert challenge_exchange.exchange(challenge.pk)
    challenge.refresh_from_db()
    return challenge.error


def integration(inside: Inside) -> str:
    made = make_integration(inside.cast.organization, inside.url("/orders"))
    return call.call(made, {}, actor=WORKER).error


def test_request(inside: Inside) -> str:
    made = make_integration(inside.cast.organization, inside.url("/orders"))
    return call.send_test(enter(inside.cast.dana, made.organization_id, Action.CALL_INTEGRATIONS), made, {}).error


test_request.__test__ = False  # type: ignore[attr-defined] # it is a way out, and not a test


def message_to_a_webhook(inside: Inside) -> str:
    alice = enter(inside.cast.alice, inside.cast.organization.pk, Action.MANAGE_WEBHOOKS)
    hook, _ = webhooks.save(alice, None, inside.url("/hook"))
    notices.provider_down(inside.cast.organization, "login.example.com")
    deliveries.deliver(hook.pk)
    return str(hook.deliveries.get().error)


def token_uri_of_a_service_account(inside: Inside) -> str:
    with inside.allowed():
        credential = new_nlu_credential(inside.cast, google_json(token_uri=inside.url("/token")))
    domain = Domain.objects.create(organization=inside.cast.organization, name="Travel", credential=credential)
    with pytest.raises(Unavailable, match="private network"):
        domains.hand_out_access(domain, actor=WORKER)
    return "blocked"


TOKEN_CALLS = (first_token, renewal, hand_over, sign_in_of_a_consumer, token_uri_of_a_service_account)
WAYS: tuple[Callable[[Inside], str], ...] = (
    *TOKEN_CALLS,
    discovery,
    revocation,
    userinfo,
    keys_of_the_identity_provider,
    metadata_of_the_identity_provider,
    integration,
    test_request,
    message_to_a_webhook,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_promise_38_each_way_out_is_guarded(inside: Inside, way: Callable[[Inside], str]) -> None:
    assert way(inside) == "blocked"
    assert inside.server.connections == 0


@pytest.mark.parametrize("way", TOKEN_CALLS, ids=lambda way: way.__name__)
def test_promise_12_a_token_call_has_15_seconds_and_one_megabyte(inside: Inside, way: Callable[[Inside], str]) -> None:
    bounds: list[tuple[Any, Any]] = []
    send = GuardedAdapter.send

    def note(adapter: GuardedAdapter, request: Any, **how: Any) -> Any:
        if request.method == "POST" and not inside.settings.OUTBOUND_ALLOW:
            bounds.append((adapter._deadline, adapter._max_bytes))
        return send(adapter, request, **how)

    inside.monkeypatch.setattr(GuardedAdapter, "send", note)
    way(inside)
    assert bounds == [(15.0, 1_048_576)]


OURS = [ROOT / name for name in ("botaccounts", "credentials", "organizations")]
# What listens, or asks its own machine; and what is for trying out.
ELSEWHERE = ("botaccounts/embedded/", "botaccounts/sandbox/", "credentials/outbound/")
# By these a request would leave on its own.
LOOSE = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
LIBRARIES = frozenset({"socket", "http.client", "urllib.request", "urllib3", "httpx", "aiohttp", "ftplib", "telnetlib"})


@functools.cache
def modules() -> dict[str, ast.Module]:
    """What of ours may send at all, by its path."""
    texts = (path for folder in OURS for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts)
    named = {str(path.relative_to(ROOT)): path.read_text() for path in texts}
    sends = {name: text for name, text in named.items() if re.search("|".join((*LIBRARIES, "requests")), text)}
    return {name: ast.parse(text) for name, text in sends.items() if not name.startswith(ELSEWHERE)}


def loose_ends(tree: ast.Module) -> list[str]:
    """Where a module could send by itself: `requests.get` and its like, and libraries that open connections."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name in LIBRARIES]
        elif isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            found.append(node.module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "requests":
            found += [f"requests.{node.attr}"] if node.attr in LOOSE else []
    return found


def test_promise_38_nothing_of_ours_sends_by_another_way() -> None:
    assert {name: ends for name, tree in modules().items() if (ends := loose_ends(tree))} == {}
    assert loose_ends(ast.parse("import requests, socket\nrequests.post('https://h')")) == ["socket", "requests.post"]


def test_promise_38_each_session_has_the_transport_that_it_was_given() -> None:
    """A bare session can send by itself: each one that is made is led through a transport in the same function."""
    made = [
        (name, function)
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and "requests.Session()" in ast.unparse(function)
    ]
    assert len(made) >= 3
    for name, function in made:
        text = ast.unparse(function)
        for scheme in ("https://", "http://"):
            assert f"session.mount('{scheme}', transport)" in text, name
        assert "session.trust_env = False" in text, name
