"""A product through whose every path of OAuth 2.0 secrets have gone, each of which can be told from all others.

The resource is a server of ours that issues canaries, and that misbehaves in every way it knows with canaries in its
answers. The people sign in, add, authorize, mistype, cancel and replay over plain HTTP.
"""

import base64
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.security.messages import queue_of
from tests.support.canary import Cage
from tests.support.inside import Inside
from tests.support.journeys import Added, Stage, Visitor, bot_token, set_the_stage
from tests.support.lying_server import (
    Answer,
    LyingServer,
    Recorded,
    error_answer,
    json_answer,
    redirect_answer,
    token_answer,
)
from tests.support.processes import wait_until
from tests.support.product import Product
from tests.support.sandbox_server import Application

AWKWARD = "p%a+s:s word/&={}?\"'"
Reply = Callable[[Recorded, Cage], Answer]


def echo(request: Recorded) -> str:
    """What a careless server puts into its words: everything that it was sent."""
    basic = request.headers.get("authorization", "").partition(" ")[2]
    return f"You sent {request.body.decode()} and {base64.b64decode(basic).decode()} ({basic})"


# How a token endpoint may fail, in ways that hold a secret.
FAILURES: Mapping[str, Reply] = {
    "invalid_client": lambda request, cage: error_answer("invalid_client", echo(request), status=401),
    "invalid_grant": lambda request, cage: error_answer("invalid_grant", echo(request)),
    "a server error that spills tokens": lambda request, cage: token_answer(
        cage.new("spilled access token"), refresh_token=cage.new("spilled refresh token"), status=500
    ),
    "an error beside tokens": lambda request, cage: json_answer(
        {"error": "server_error", "error_description": echo(request), "access_token": cage.new("token beside an error")}
    ),
    "a broken answer": lambda request, cage: Answer(
        body=b'{"access_token": "' + cage.new("token in a broken answer").encode(),
        headers={"Content-Type": "application/json"},
    ),
    "a page instead of JSON": lambda request, cage: Answer(
        body=f"<html><h1>{echo(request)}</h1>".encode(), headers={"Content-Type": "text/html"}
    ),
    "a token with a line break": lambda request, cage: token_answer(cage.new("broken token", around="{}\r\nX: y")),
    "a redirect": lambda request, cage: redirect_answer(f"https://elsewhere.example/?{request.body.decode()}"),
    "no answer at all": lambda request, cage: Answer(raw=b""),
    "nonsense instead of HTTP": lambda request, cage: Answer(raw=echo(request).encode() + b"\r\n\r\n"),
}


@dataclass
class Haunted:
    """What was done and what can be searched. `errors` are the API's refusals, by what was asked.

    `python` runs Python in the product and returns what it printed. `met`: how often a token request of which grant
    type got which of the `FAILURES`.
    """

    product: Product
    python: Callable[[str], str]
    stage: Stage
    resource: LyingServer
    cage: Cage
    progress_pages: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    queued: dict[str, bytes] = field(default_factory=dict)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    _visitors: dict[str, Visitor] = field(default_factory=dict)

    def visitor(self, username: str = "alice") -> Visitor:
        """A person, who signs in once for everything: to verify a password is slow on purpose."""
        if username not in self._visitors:
            self._visitors[username] = Visitor(self.product.url, self.stage, username).sign_in()
        return self._visitors[username]

    def reply(self, reply: Reply) -> None:
        """What the token endpoint says from now on."""

        def answer(request: Recorded) -> Answer:
            if verifier := request.form.get("code_verifier"):
                self.cage.keep("PKCE verifier", verifier)
            return reply(request, self.cage)

        self.resource.on("/token", answer)

    def fail(self, name: str) -> None:
        """Let the token endpoint fail in one of its ways."""

        def reply(request: Recorded, cage: Cage) -> Answer:
            self.met[name, request.form["grant_type"]] += 1
            return FAILURES[name](request, cage)

        self.reply(reply)

    def issue(self, expires_in: int = 3600) -> None:
        """Let the token endpoint issue fresh canaries."""
        self.reply(
            lambda request, cage: token_answer(
                cage.new("access token"), refresh_token=cage.new("refresh token"), expires_in=expires_in
            )
        )

    def application(self) -> Application:
        return Application(f"client-{uuid.uuid4().hex[:8]}", self.cage.new("client secret", around=AWKWARD))

    def add(self, visitor: Visitor, name: str, **fields: str) -> Added:
        """Walk the wizard with a canary as client secret; the resource is ours."""
        return visitor.add(self, name=name, application=self.application(), **fields)  # type: ignore[arg-type]

    @property
    def token_url(self) -> str:
        return self.resource.url("/token")

    @property
    def authorization_url(self) -> str:
        return self.resource.url("/authorize")

    def come_back(self, visitor: Visitor, added: Added, **query: str) -> requests.Response:
        """Bring the answer to the authorization at `added.go_to`; its code is a canary unless `query` says more."""
        state = parse_qs(urlsplit(added.go_to).query)["state"][0]
        answer = query or {"code": self.cage.new("code", around="{}+/=&%")}
        return visitor.session.get(
            added.redirect_uri, params={"state": state, **answer}, timeout=30, allow_redirects=False
        )

    def settle(self, visitor: Visitor, address: str) -> str:
        """Wait until an authorization is over; the text of its page."""
        self.progress_pages.append(address)
        wait_until(lambda: "data-poll" not in visitor.get(address).text, seconds=30, what="the authorization's end")
        return visitor.get(address).text

    def look_at(self, visitor: Visitor, added: Added, when: str) -> None:
        """Keep a credential's page as it is now: the next failure takes the place of what it says."""
        page = visitor.get(visitor.credentials_url(f"{added.credential_id}/"))
        assert page.status_code == 200
        self.pages[when] = page.text + str(page.headers)

    def authorize(self, visitor: Visitor, name: str, **fields: str) -> tuple[Added, str]:
        """Add, consent and wait; what was added, and the text of the last page."""
        added = self.add(visitor, name, **fields)
        progress = added.go_to
        if added.redirect_uri:
            answer = self.come_back(visitor, added)
            assert answer.status_code == 303, answer.text
            progress = urljoin(answer.url, answer.headers["Location"])
        return added, self.settle(visitor, progress)


def enter(product: Product, python: Callable[[str], str], resource: LyingServer) -> Haunted:
    """A product with people in it, in which nothing was done yet."""
    haunted = Haunted(product, python, set_the_stage(product, python), resource, Cage())
    haunted.cage.keep("service token", haunted.stage.service_token)
    return haunted


def haunt(haunted: Haunted) -> None:
    """Do everything once, well and badly."""
    bob = haunted.visitor("bob")
    succeed(haunted, bob)
    fail_at_the_exchange(haunted, bob)
    fail_at_the_renewal(haunted, bob)
    fail_at_the_callback(haunted, bob)
    mistype(haunted, bob)
    refuse_at_the_api(haunted)
    echo_at_the_integration(haunted, bob)
    wait_in_the_queue(haunted, bob)
    sign_messages(haunted)


def succeed(haunted: Haunted, bob: Visitor) -> None:
    haunted.issue(expires_in=1)
    by_code, page = haunted.authorize(bob, "By code")
    assert "authorization passed successfully" in page
    by_client, page = haunted.authorize(bob, "By client", grant="client_credentials", client_authentication="body")
    assert "authorization passed successfully" in page
    # They have ended already, so that this renews them: more canaries of each.
    for added in (by_code, by_client):
        assert bot_token(haunted.product.url, haunted.stage, added.credential_id).status_code == 200
    asked = [request.form["grant_type"] for request in haunted.resource.requests if request.path == "/token"]
    assert asked == ["authorization_code", "client_credentials", "refresh_token", "client_credentials"]


def fail_at_the_exchange(haunted: Haunted, bob: Visitor) -> None:
    """By code with another credential each time, by client with one that is authorized again and again."""
    client: Added | None = None
    for name in FAILURES:
        haunted.fail(name)
        if client is None:
            client = haunted.add(bob, "Client: failures", grant="client_credentials")
            progress = client.go_to
        else:
            progress = bob.authorize(client.credential_id)
        _, page = haunted.authorize(bob, f"Code: {name}")
        assert "What you entered is kept" in page, name
        assert "What you entered is kept" in haunted.settle(bob, progress), name
        haunted.look_at(bob, client, f"exchange, {name}")


def fail_at_the_renewal(haunted: Haunted, bob: Visitor) -> None:
    haunted.issue()
    client, _ = haunted.authorize(bob, "Client: failed renewals", grant="client_credentials")
    for name in FAILURES:
        Inside(haunted.product).end_outages()  # each is to be met, not spared by the one before
        haunted.issue(expires_in=1)
        progress = bob.authorize(client.credential_id)
        by_code, _ = haunted.authorize(bob, f"Renewal: {name}")
        haunted.settle(bob, progress)
        haunted.fail(name)
        for grant, added in (("code", by_code), ("client", client)):
            refused = bot_token(haunted.product.url, haunted.stage, added.credential_id)
            assert refused.status_code in {409, 503}, f"{name}, {grant}: {refused.status_code} {refused.text}"
            haunted.errors[f"token by {grant}, {name}"] = refused.text + str(refused.headers)
        haunted.look_at(bob, client, f"renewal, {name}")


def fail_at_the_callback(haunted: Haunted, bob: Visitor) -> None:
    haunted.issue()
    added = haunted.add(bob, "Strange answers")
    code = haunted.cage.new("code that was not redeemed")
    said = {"error": "access_denied", "error_description": f"no {code}", "code": code}
    stranger = Visitor(haunted.product.url, haunted.stage)
    for name, visitor, query in (
        ("not signed in", stranger, {"code": code}),
        ("another person", haunted.visitor("alice"), {"code": code}),
        ("a wrong state", bob, {"code": code, "state": "x" * 43}),
    ):
        answer = haunted.come_back(visitor, added, **query)
        assert answer.status_code == 400, name
        haunted.pages[f"callback, {name}"] = answer.text + str(answer.headers)
    assert haunted.come_back(bob, added, **said).status_code == 303
    replayed = haunted.come_back(bob, added, code=code)
    assert replayed.status_code == 400
    haunted.pages["callback, replayed"] = replayed.text + str(replayed.headers)


def mistype(haunted: Haunted, bob: Visitor) -> None:
    """Forms that come back with errors, a draft that is left alone, an edit, and a password that is almost right."""
    add = bob.credentials_url("add/")
    basics = {"name": "Never finished", "kind": "oauth2", "grant_type": "client_credentials"}
    step = bob.step(bob.post(add, basics))
    typed = {"client_id": "client", "client_secret": haunted.cage.new("secret in a draft", around=AWKWARD)}
    for fields in ({**typed, "token_url": "no address"}, {**typed, "token_url": haunted.token_url, "scope": '"'}):
        answer = bob.post(step, fields)
        assert "There is a problem" in answer.text
        haunted.pages[f"wizard, {fields['token_url']}"] = answer.text + str(answer.headers)
    haunted.pages["wizard, opened again"] = bob.get(step).text

    haunted.issue()
    added, _ = haunted.authorize(bob, "Edited", grant="client_credentials")
    edit = bob.credentials_url(f"{added.credential_id}/edit/")
    haunted.pages["edit"] = bob.get(edit).text
    secret = haunted.cage.new("secret in an edit", around=AWKWARD)
    answer = bob.post(edit, {"client_secret": secret, "token_url": "no address", "client_id": "client"})
    assert "There is a problem" in answer.text
    haunted.pages["edit, refused"] = answer.text + str(answer.headers)
    fields = {"client_secret": secret, "client_id": "client", "token_url": haunted.token_url, "name": "Edited"}
    assert bob.post(edit, fields).status_code == 303

    mistyped = Visitor(haunted.product.url, haunted.stage, "bob")
    password = haunted.cage.new("mistyped password")
    answer = mistyped.post("/accounts/login/", {"username": "bob", "password": password})
    assert not answer.is_redirect
    haunted.pages["sign-in, refused"] = answer.text + str(answer.headers)


def refuse_at_the_api(haunted: Haunted) -> None:
    url, token = haunted.product.url, haunted.stage.service_token
    wrong = haunted.cage.new("wrong service token", around="bat_{}")
    bearer = {"Authorization": f"Bearer {token}"}
    nobody = uuid.uuid4()
    attempts: dict[str, requests.Response] = {
        "wrong token": requests.get(
            f"{url}/api/v1/credentials", headers={"Authorization": f"Bearer {wrong}"}, timeout=30
        ),
        "token in the query": requests.get(f"{url}/api/v1/credentials?access_token={token}", timeout=30),
        "no such credential": requests.post(f"{url}/api/v1/credentials/{nobody}/token", headers=bearer, timeout=30),
        "no such integration": requests.post(f"{url}/api/v1/integrations/{nobody}/call", headers=bearer, timeout=30),
        "broken body": requests.post(
            f"{url}/api/v1/integrations/{nobody}/call", headers=bearer, data="{" + wrong, timeout=30
        ),
    }
    for name, answer in attempts.items():
        assert 400 <= answer.status_code < 500, f"{name}: {answer.status_code}"
        haunted.errors[name] = answer.text + str(answer.headers)


def echo_at_the_integration(haunted: Haunted, bob: Visitor) -> None:
    """An API that answers with what it was sent, asked by the page's test request. (A bot gets the answer as it is.)"""

    def mirror(request: Recorded) -> Answer:
        return json_answer({"headers": request.headers}, headers={"X-Echo": request.headers.get("authorization", "")})

    haunted.resource.on("/mirror", mirror)
    haunted.issue()
    added, _ = haunted.authorize(bob, "Attached", grant="client_credentials")
    code = "from credentials.models import ApiIntegration as I\n"
    code += (
        f"print(I.objects.create(bot_id='{haunted.stage.bot_id}', organization_id='{haunted.stage.organization_id}',"
    )
    code += f" name='Mirror', url='{haunted.resource.url('/mirror')}', credential_id='{added.credential_id}').pk)"
    integration = haunted.python(code).strip()
    page = f"/organizations/{haunted.stage.organization_id}/integrations/{integration}/"
    dana = haunted.visitor("dana")
    answer = dana.post(f"{page}test/", page=page)
    assert "••••" in answer.text
    haunted.pages["test request"] = answer.text + str(answer.headers)


def wait_in_the_queue(haunted: Haunted, bob: Visitor) -> None:
    """Look into the queue while a code waits in the database and no worker is there, and let it be exchanged."""
    haunted.issue()
    haunted.product.stop("worker.1")
    added = haunted.add(bob, "In the queue")
    answer = haunted.come_back(bob, added)
    haunted.queued = dict(queue_of(haunted.product))
    haunted.product.start("worker.1")
    assert "authorization passed successfully" in haunted.settle(bob, urljoin(answer.url, answer.headers["Location"]))


def sign_messages(haunted: Haunted) -> None:
    """A webhook, whose secret is shown once, and a message to it that is answered with everything that was sent."""
    alice = haunted.visitor("alice")
    page = f"/organizations/{haunted.stage.organization_id}/webhook/"
    haunted.resource.on("/hook", lambda request: Answer(status=500, body=repr(request.headers).encode() + request.body))
    answer = alice.post(page, {"url": haunted.resource.url("/hook")}, page=page)
    (secret,) = re.findall(r'value="whsec_([^"]+)"', answer.text)
    haunted.cage.keep("webhook secret", secret)
    assert alice.post(f"{page}test/", page=page).status_code == 303
    wait_until(lambda: "it answered 500" in alice.get(page).text, seconds=30, what="the message")
    haunted.pages["webhook, with its log"] = alice.get(page).text
