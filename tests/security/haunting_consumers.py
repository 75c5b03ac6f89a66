"""The same for consumers: the identity provider's page, tokens that are handed over, sign-ins in conversations."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import requests

from tests.security.haunting import AWKWARD, FAILURES, Haunted, Reply
from tests.support.canary import Cage
from tests.support.identity import ALICE, BOB, CLIENT_ID, id_token, jwks, key
from tests.support.inside import Inside
from tests.support.journeys import Visitor
from tests.support.lying_server import Answer, Recorded, json_answer, token_answer
from tests.support.processes import wait_until
from tests.support.sandbox_server import hidden_fields

ACCOUNT = "12345566"
BACK = "https://brand.example/back"
BROKEN = "an ID token of somebody else's"


@dataclass
class Brand:
    """An account whose identity provider is the haunted resource; each code is answered in its own way."""

    haunted: Haunted
    replies: dict[str, Reply] = field(default_factory=dict)
    renewal: Reply | None = None

    @property
    def cage(self) -> Cage:
        return self.haunted.cage

    @property
    def issuer(self) -> str:
        return self.haunted.resource.url("/idp")

    def token_endpoint(self, request: Recorded) -> Answer:
        if verifier := request.form.get("code_verifier"):
            self.cage.keep("consumer's PKCE verifier", verifier)
        if code := request.form.get("code"):
            return self.replies[code](request, self.cage)
        assert self.renewal is not None
        return self.renewal(request, self.cage)

    def granting(self, *, expires_in: int = 3600, published: bool = True, **claims: str) -> Reply:
        """An answer with canaries, and an ID token that says `claims`."""

        def reply(request: Recorded, cage: Cage) -> Answer:
            proof = id_token(self.issuer, signer=key(size=2048 if published else 3072), **claims)
            cage.keep("ID token", proof.rpartition(".")[2])
            return token_answer(
                cage.new("consumer's access token"),
                refresh_token=cage.new("consumer's refresh token"),
                expires_in=expires_in,
                id_token=proof,
            )

        return reply

    def code(self, reply: Reply) -> str:
        code = self.cage.new("consumer's code", around="{}+/=&%")
        self.replies[code] = reply
        return code

    def post(self, path: str, body: dict[str, str]) -> requests.Response:
        return requests.post(
            f"{self.haunted.product.url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.haunted.stage.service_token}"},
            timeout=60,
        )

    def get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.haunted.stage.service_token}"}
        return requests.get(f"{self.haunted.product.url}/api/v1/{path}", headers=headers, timeout=60)

    def refused(self, name: str, answer: requests.Response, statuses: Iterable[int]) -> None:
        assert answer.status_code in statuses, f"{name}: {answer.status_code} {answer.text}"
        self.haunted.errors[name] = answer.text + str(answer.headers)

    def kept(self, name: str, answer: requests.Response) -> requests.Response:
        self.haunted.pages[name] = answer.text + str(answer.headers)
        return answer


def haunt_consumers(haunted: Haunted) -> None:
    brand, alice = Brand(haunted), haunted.visitor("alice")
    haunted.resource.on("/idp/token", brand.token_endpoint)
    haunted.resource.on("/idp/jwks", json_answer(jwks(key(size=2048))))
    set_up_identity_provider(brand, alice)
    hand_over(brand, alice)
    sign_in_conversations(brand, alice)


def set_up_identity_provider(brand: Brand, alice: Visitor) -> None:
    """Mistype, discover what is not there, save, and try to move it to another host."""
    page = f"/accounts/{ACCOUNT}/identity-provider/"
    fields = {
        "issuer": brand.issuer,
        "display_name": "Brand sign-in",
        "flow": "code",
        "use_pkce": "on",
        "authorization_endpoint": brand.haunted.resource.url("/idp/authorize"),
        "token_endpoint": brand.haunted.resource.url("/idp/token"),
        "client_id": CLIENT_ID,
        "client_secret": brand.cage.new("identity provider's client secret", around=AWKWARD),
        "verification": "jwks",
        "jwks_url": brand.haunted.resource.url("/idp/jwks"),
        "client_authentication": "basic",
    }
    for name, changed in (("mistyped", {"jwks_url": "no address"}), ("nothing discovered", {"discover": "1"})):
        answer = brand.kept(f"identity provider, {name}", alice.post(page, {**fields, **changed}))
        assert "There is a problem" in answer.text
    assert alice.post(page, fields).status_code == 303
    moved = {**fields, "client_secret": "", "token_endpoint": "https://elsewhere.example/token"}
    answer = brand.kept("identity provider, moved", alice.post(page, moved))
    assert "it is not sent to a new host unasked" in answer.text
    assert "configured" in brand.kept("identity provider", alice.get(page)).text


def add(brand: Brand, alice: Visitor, kind: str, fields: dict[str, str] | None = None) -> str:
    """Walk the wizard, of one step or of two; the credential's id."""
    answer = alice.post(alice.credentials_url("add/"), {"name": kind, "kind": kind})
    step = alice.step(answer)
    if fields is not None:
        mistyped = brand.kept(f"wizard, {kind}", alice.post(step, {"authentication_url": "https://idp.example/?x"}))
        assert "There is a problem" in mistyped.text
        alice.step(alice.post(step, fields))
    listed = brand.get("credentials?limit=500").json()["credentials"]
    return next(str(each["id"]) for each in listed if each["name"] == kind)


def hand_over(brand: Brand, alice: Visitor) -> None:
    """Consumer Pre-Authentication: hand-overs and renewals, well and badly."""
    credential = add(brand, alice, "consumer_pre_authentication")
    for name, reply in {**FAILURES, BROKEN: brand.granting(published=False)}.items():
        brand.refused(f"hand-over, {name}", hand(brand, reply), (422, 503))
    stray = id_token(brand.issuer)
    brand.cage.keep("ID token", stray.rpartition(".")[2])
    brand.refused("hand-over of the other flow", brand.post("consumers", {"id_token": stray}), (422,))
    for number, (name, reply) in enumerate(FAILURES.items()):
        answer = hand(brand, brand.granting(expires_in=1, sub=f"consumer-{number}"))
        assert answer.status_code == 200, answer.text
        brand.renewal = reply
        asked = brand.post(f"credentials/{credential}/token", {"consumer": f"consumer-{number}"})
        brand.refused(f"renewal of a consumer's token, {name}", asked, (409, 503))
    assert hand(brand, brand.granting(expires_in=1, sub=ALICE)).status_code == 200
    brand.renewal = brand.granting(sub=ALICE)
    assert brand.post(f"credentials/{credential}/token", {"consumer": ALICE}).status_code == 200
    brand.refused("a consumer unknown", brand.post(f"credentials/{credential}/token", {"consumer": BOB}), (409,))


def hand(brand: Brand, reply: Reply) -> requests.Response:
    verifier = brand.cage.new("verifier of the brand's page", around="{}-0123456789")
    Inside(brand.haunted.product).end_outages()  # each failure is to be met, not spared by the one before
    body = {"code": brand.code(reply), "redirect_uri": BACK, "code_verifier": verifier}
    return brand.post("consumers", body)


@dataclass(frozen=True)
class SignIn:
    """One consumer's browser on its way."""

    challenge_id: str
    url: str
    browser: requests.Session
    query: dict[str, str]

    def come_back(self, brand: Brand, code: str, browser: requests.Session | None = None) -> requests.Response:
        callback = f"{brand.haunted.product.url}/callback/{ACCOUNT}/redirectedCode"
        given = {"state": self.query["state"], "code": code}
        return (browser or self.browser).get(callback, params=given, timeout=30, allow_redirects=False)


def sign_in_conversations(brand: Brand, alice: Visitor) -> None:
    """Consumer Authentication: every failure and a success, each in a conversation and a browser of its own."""
    callback = f"{brand.haunted.product.url}/callback/{ACCOUNT}/redirectedCode"
    url = f"{brand.haunted.resource.url('/idp/authorize')}?client_id={CLIENT_ID}&response_type=code&scope=openid"
    fields = {"authentication_url": f"{url}&redirect_uri={quote(callback, safe='')}"}
    credential = add(brand, alice, "consumer_authentication", fields)
    inside = Inside(brand.haunted.product)
    for name in (*FAILURES, BROKEN, "success"):
        inside.end_outages()
        asked = begin(brand, credential, name)
        nonce = asked.query["nonce"]
        reply = FAILURES.get(name) or brand.granting(published=name != BROKEN, nonce=nonce)
        answer = asked.come_back(brand, brand.code(reply))
        assert answer.status_code == 303, answer.text
        result = urljoin(answer.url, answer.headers["Location"])
        wait_until(lambda asked=asked: over(brand, asked), seconds=60, what=f"the end of a sign-in: {name}")
        told = brand.get(f"challenges/{asked.challenge_id}")
        assert told.json()["status"] == ("succeeded" if name == "success" else "failed"), name
        brand.haunted.errors[f"challenge, {name}"] = told.text + str(told.headers)
        brand.kept(f"sign-in, {name}", asked.browser.get(result, timeout=30))
        brand.haunted.progress_pages.append(result)
    served = brand.post(f"credentials/{credential}/token", {"conversation": "success"})
    assert served.status_code == 200, served.text
    misuse(brand, credential, asked)


def begin(brand: Brand, credential: str, conversation: str) -> SignIn:
    """A link, and its button pressed in a fresh browser."""
    asked = brand.post(f"credentials/{credential}/challenges", {"conversation": conversation}).json()
    brand.cage.keep("handle of a link", urlsplit(asked["url"]).path.rstrip("/").rpartition("/")[2])
    browser = requests.Session()
    page = browser.get(asked["url"], timeout=30)
    form = hidden_fields(page.text)
    pressed = browser.post(
        asked["url"], data=form, headers={"Referer": asked["url"]}, allow_redirects=False, timeout=30
    )
    assert pressed.status_code == 303, pressed.text
    query = {name: values[0] for name, values in parse_qs(urlsplit(pressed.headers["Location"]).query).items()}
    brand.cage.keep("consumer's state", query["state"])
    brand.cage.keep("nonce of an ID token", query["nonce"])
    brand.cage.keep("consumer's cookie", browser.cookies["consumer"])
    return SignIn(asked["id"], asked["url"], browser, query)


def over(brand: Brand, asked: SignIn) -> bool:
    return brand.get(f"challenges/{asked.challenge_id}").json()["status"] in ("failed", "succeeded")


def misuse(brand: Brand, credential: str, done: SignIn) -> None:
    """A link and an answer used again, another browser, a wrong confirmation."""
    stranger, code = requests.Session(), brand.cage.new("consumer's code that was not redeemed")
    for name, answer in {
        "a link used again": stranger.get(done.url, timeout=30),
        "an answer used again": done.come_back(brand, code),
        "another browser": begin(brand, credential, "stolen").come_back(brand, code, stranger),
    }.items():
        assert 400 <= answer.status_code < 500, name
        brand.kept(f"consumer, {name}", answer)
    brand.refused(
        "wrong confirmation", brand.post(f"challenges/{done.challenge_id}/confirm", {"code": code[:20]}), (422,)
    )
