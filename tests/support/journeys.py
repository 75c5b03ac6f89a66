"""What people do with the product, without a browser: the way to an authorized credential, outside and inside.

Outside, against a running product, over plain HTTP as without JavaScript:

    stage = set_the_stage(product)                            # people, organization, bot and service token
    alice = Visitor(product.url, stage).sign_in()
    credential = alice.add_authorized(sandbox)                # the whole wizard, consent and callback
    credential = alice.add_authorized(sandbox, grant="client_credentials")
    bot_token(product.url, stage, credential.credential_id)   # what a bot gets: the API's answer

Inside, for tests of services: `authorized_credential(cast, token_server)` makes the rows through the same services; the
fixture `token_server` is a `LyingServer` that the outbound guard lets through.
"""

import json
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from credentials.models import Credential, OAuthToken
from credentials.services import add, authorize, exchange
from organizations.access import Access, enter
from organizations.policies import Action
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import PASSWORD, Cast
from tests.support.processes import wait_until
from tests.support.product import Product
from tests.support.sandbox_server import Application, Sandbox, hidden_fields

SCOPE = "read write offline"
# Nobody listens there: discovery of a test's authorization server ends at once and without an answer.
NOWHERE = "http://127.0.0.1:9/authorize"

_SET_THE_STAGE = """
import json
from datetime import timedelta
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone
from organizations import services
from organizations.audit import Actor
from organizations.models import Role
stage = Actor.command("demo")
password = make_password("%(password)s")  # slow on purpose, so once for all
people = {name: User.objects.create(username=name, password=password) for name in ("alice", "bob", "dana", "vic")}
account = services.create_account(stage, "12345566", "Golden Gate Travel")
organization = services.create_organization(stage, account, "Support bots", administrator=people["alice"])
services.add_member(stage, organization, "bob", Role.CREDENTIALS_MANAGER)
services.add_member(stage, organization, "dana", Role.API_DEVELOPER)
services.add_member(stage, organization, "vic", Role.VIEWER)
bot = services.create_bot(stage, organization, "Order desk")
token, plaintext = services.create_service_token(stage, organization, "runtime", timezone.now() + timedelta(days=1))
print(json.dumps({"organization_id": str(organization.pk), "bot_id": str(bot.pk), "service_token": plaintext}))
"""


@dataclass(frozen=True)
class Stage:
    """Who and what there is in a running product. Alice, Bob, Dana and Vic sign in with `password`."""

    organization_id: str
    bot_id: str
    service_token: str
    password: str = PASSWORD


def set_the_stage(product: Product, run: Callable[[str], str] | None = None) -> Stage:
    """Fill a running product with the cast of one organization, a bot and a service token.

    `run` runs Python in the product and returns what it printed; a process is started for it where there is none.
    """
    script = _SET_THE_STAGE % {"password": Stage.password}
    return Stage(**json.loads(run(script) if run else product.manage("shell", "--verbosity", "0", "-c", script)))


@dataclass(frozen=True)
class Added:
    """A credential that the wizard made, and where its last button sent the person."""

    credential_id: str
    redirect_uri: str
    application: Application
    go_to: str


class Visitor:
    """A person in front of a browser without scripts. Redirects are not followed: each answer is the test's to see."""

    def __init__(self, url: str, stage: Stage, username: str = "alice") -> None:
        self.url = url
        self.stage = stage
        self.username = username
        self.session = requests.Session()

    def get(self, address: str) -> requests.Response:
        """GET an address of the product, absolute or from its root."""
        return self.session.get(urljoin(self.url, address), timeout=30, allow_redirects=False)

    def post(
        self,
        address: str,
        form: Mapping[str, str] | None = None,
        *,
        page: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> requests.Response:
        """POST a form with the hidden fields (the CSRF token too) of its page, which is at `page` or at `address`.

        `files` are uploaded beside it.
        """
        address = urljoin(self.url, address)
        shown = self.get(page or address)
        assert shown.status_code == 200, f"{page or address}: {shown.status_code} {shown.text[:500]}"
        return self.session.post(
            address,
            data={**hidden_fields(shown.text), **(form or {})},
            files={name: ("upload", content) for name, content in (files or {}).items()} or None,
            headers={"Referer": self.url},
            timeout=30,
            allow_redirects=False,
        )

    def sign_in(self) -> "Visitor":
        answer = self.post("/accounts/login/", {"username": self.username, "password": self.stage.password})
        assert answer.is_redirect, answer.text
        return self

    def credentials_url(self, rest: str = "") -> str:
        return f"{self.url}/organizations/{self.stage.organization_id}/credentials/{rest}"

    def add(
        self,
        sandbox: Sandbox,
        *,
        name: str = "",
        grant: str = "authorization_code",
        application: Application | None = None,
        **fields: str,
    ) -> Added:
        """Walk the wizard to its last button, *Authorize*. `fields` replaces or adds fields of the last step.

        Without `application`, one is registered at the sandbox with the redirect URI that the wizard shows.
        """
        basics = {"name": name or f"Orders {uuid.uuid4().hex[:8]}", "kind": "oauth2", "grant_type": grant}
        step = self.step(self.post(self.credentials_url("add/"), basics))
        redirect_uri = ""
        draft_id = urlsplit(step).path.rstrip("/").split("/")[-2]
        if grant == "authorization_code":
            redirect_uri = f"{self.url}/oauth2/callback/{draft_id}/"
            assert redirect_uri in self.get(step).text
            step = self.step(self.post(step))
        application = application or sandbox.register_application(
            grant=grant.replace("_", "-"),  # type: ignore[arg-type]
            redirect_uri=redirect_uri,
        )
        resource = {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "scope": SCOPE if redirect_uri else "read",
            "token_url": sandbox.token_url,
            **({"auth_url": sandbox.authorization_url, "use_pkce": "on"} if redirect_uri else {}),
            **fields,
        }
        return Added(draft_id, redirect_uri, application, self.step(self.post(step, resource)))

    def step(self, answer: requests.Response) -> str:
        """Where a form led to; AssertionError with the page where it was refused."""
        assert answer.is_redirect or answer.status_code == 303, f"{answer.status_code}: {answer.text}"
        return urljoin(answer.url, answer.headers["Location"])

    def authorize(self, credential_id: str) -> str:
        """Press *Authorize* on the credential's page and return where that sends the person."""
        page = self.credentials_url(f"{credential_id}/")
        answer = self.post(f"{page}authorize/", page=page)
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text}"
        return urljoin(answer.url, answer.headers["Location"])

    def come_back(self, callback: str) -> str:
        """Follow the resource's redirect to our callback and return the address of the progress page."""
        answer = self.get(callback)
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text}"
        return urljoin(answer.url, answer.headers["Location"])

    def add_authorized(self, sandbox: Sandbox, **options: Any) -> Added:
        """Add a credential, consent at the sandbox where the grant asks for it, and wait until it is authorized."""
        added = self.add(sandbox, **options)
        progress = self.come_back(sandbox.consent(added.go_to)) if added.redirect_uri else added.go_to
        self.wait_for_success(progress)
        return added

    def wait_for_success(self, progress: str, *, seconds: float = 30) -> None:
        """Wait until the progress page says that the authorization passed."""
        wait_until(
            lambda: "authorization passed successfully" in self.get(progress).text.lower(),
            seconds=seconds,
            what="the authorization",
        )


def bot_token(url: str, stage: Stage, credential_id: str, *, timeout: float = 60) -> requests.Response:
    """Ask as a bot for a credential's token (`POST /api/v1/credentials/ID/token`)."""
    return requests.post(
        f"{url}/api/v1/credentials/{credential_id}/token",
        headers={"Authorization": f"Bearer {stage.service_token}"},
        timeout=timeout,
        allow_redirects=False,
    )


@pytest.fixture
def token_server(settings: Settings) -> Iterator[LyingServer]:
    """A scripted token endpoint on loopback that `OUTBOUND_ALLOW` names."""
    server = LyingServer()
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, server.allow_entry]
    yield server
    server.stop()


def access_of(cast: Cast, user: User | None = None) -> Access:
    """Bob, or `user`, inside the cast's organization, managing credentials."""
    return enter(user or cast.bob, cast.organization.pk, Action.MANAGE_CREDENTIALS)


def new_credential(
    cast: Cast, token_url: str, *, grant: str = "authorization_code", name: str = "", **entered: Any
) -> Credential:
    """An OAuth 2.0 credential that nobody has authorized yet."""
    values = {
        "grant_type": grant,
        "client_id": "client-1",
        "client_secret": "canary-client-secret",
        "scope": SCOPE,
        "token_url": token_url,
        "client_authentication": "basic",
        **({"auth_url": NOWHERE, "use_pkce": True} if grant == "authorization_code" else {}),
        **entered,
    }
    return add.add(
        access_of(cast),
        credential_id=uuid.uuid4(),
        name=name or f"Orders {uuid.uuid4().hex[:8]}",
        kind="oauth2",
        entered=values,
    )


def received_authorization(cast: Cast, credential: Credential, *, code: str = "canary-code") -> uuid.UUID:
    """The id of an authorization whose code is here (or that needs none) and that no worker has taken up yet."""
    nonce = secrets.token_urlsafe(16)
    started = authorize.start(access_of(cast), credential, nonce=nonce)
    if started.go_to:
        state = parse_qs(urlsplit(started.go_to).query)["state"][0]
        authorize.take_callback(cast.bob, credential.pk, {"state": state, "code": code}, nonce=nonce)
    return started.authorization.pk


def authorized_credential(
    cast: Cast,
    server: LyingServer,
    *,
    grant: str = "authorization_code",
    path: str = "/token",
    answer: Mapping[str, object] | None = None,
    **entered: Any,
) -> Credential:
    """A credential whose first token came from `server` by a real exchange; `server.requests` is empty afterwards.

    The first answer is `canary-at-1`, with `canary-rt-1` (not for client credentials) and one hour; `answer`
    replaces its members, and None leaves one out. Script the next answers with `server.on(path, …)`.
    """
    credential = new_credential(cast, server.url(path), grant=grant, **entered)
    members: dict[str, object] = {"refresh_token": "canary-rt-1"} if grant == "authorization_code" else {}
    server.on(path, token_answer(**{"access_token": "canary-at-1", **members, **(answer or {})}))  # type: ignore[arg-type]
    assert exchange.exchange(received_authorization(cast, credential))
    credential.refresh_from_db()
    assert token_of(credential).access_token, credential.status_reason
    server.requests.clear()
    return credential


def move_to_charlie(cast: Cast, credential: Credential) -> None:
    """It belongs to the other organization; sealed for it, as if it had been added there."""
    token = token_of(credential)
    opened = {name: token.unseal(name) for name in ("access_token", "refresh_token")}
    kept = credential.open_secrets()
    credential.organization, credential.account = cast.other_organization, cast.other_account
    credential.seal("secrets", kept)
    credential.save()
    token.organization = cast.other_organization
    for name, value in opened.items():
        token.seal(name, value)
    token.save()


def token_of(credential: Credential) -> OAuthToken:
    """The stored token as it is now."""
    return OAuthToken.objects.get(pk=credential.pk)


def access_token_of(credential: Credential) -> str:
    return str(token_of(credential).unseal("access_token"))


def refresh_token_of(credential: Credential) -> str | None:
    value = token_of(credential).unseal("refresh_token")
    return None if value is None else str(value)


def until(condition: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
    """`wait_until` in the order that reads well."""
    wait_until(condition, seconds=seconds, what=what)
