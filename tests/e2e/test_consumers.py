"""Consumers of a brand whose identity provider is the sandbox: each in a browser of their own, one of them wrong."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from credentials.oauth import pkce
from tests.e2e.scene import Scene, set_up
from tests.e2e.walk import open_dialog, press, scrolls_sideways, sign_in
from tests.e2e.watch import watch
from tests.support.processes import wait_until
from tests.support.product import Factory
from tests.support.sandbox_server import Application, Sandbox

pytestmark = pytest.mark.chromium
BACK = "https://brand.example/back"
RIGHT, WRONG = "shopper", "stranger"


@dataclass(frozen=True)
class Brand:
    """A scene whose account has the sandbox as its identity provider."""

    scene: Scene
    application: Application
    callback: str

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(
            f"{self.scene.product.url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.scene.stage.service_token}"},
            timeout=60,
        )

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.scene.stage.service_token}"}
        return requests.get(f"{self.scene.product.url}/api/v1/{path}", headers=headers, timeout=30).json()


Brands = Callable[[int], Brand]
Phones = Callable[[], Page]


@pytest.fixture
def brand_of(product_factory: Factory, start_sandbox: Callable[..., Sandbox], page: Page) -> Callable[[int], Brand]:
    def make(access_token_seconds: int) -> Brand:
        sandbox = start_sandbox(access_token_seconds=access_token_seconds)
        for person in (RIGHT, WRONG):
            sandbox.command("add-person", "--username", person)
        scene = set_up(product_factory, sandbox)
        callback = f"{scene.product.url}/callback/12345566/redirectedCode"
        application = sandbox.register_application("Brand", redirect_uri=f"{callback} {BACK}", id_tokens=True)
        sign_in(page, scene, "alice")
        set_up_identity_provider(page, scene, application)
        return Brand(scene, application, callback)

    return make


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Phones]:
    """A browser of somebody's own, as narrow as a phone; it complains of what the policy blocks."""
    opened = []

    def open_one() -> Page:
        context = browser.new_context(
            ignore_https_errors=True, viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        opened.append((context, watch(page, "http://127.0.0.1")))
        return page

    yield open_one
    for context, complaints in opened:
        context.close()
        assert complaints == []


def set_up_identity_provider(page: Page, scene: Scene, application: Application) -> None:
    """What Alice does once: name the issuer, *Discover*, enter the client, *Save*."""
    page.goto(f"{scene.product.url}/accounts/12345566/identity-provider/")
    page.get_by_label("JWT issuer").fill(scene.sandbox.url)
    page.get_by_role("button", name="Discover").click()
    expect(page.get_by_label("Token endpoint")).to_have_value(scene.sandbox.token_url)
    expect(page.get_by_label("JWKS endpoint", exact=True)).to_have_value(re.compile("jwks"))
    page.get_by_label("Issuer display name").fill("Golden Gate sign-in")
    page.get_by_label("Client ID").fill(application.client_id)
    page.get_by_label("Client Secret").fill(application.client_secret)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The identity provider was saved.")).to_be_visible()
    assert application.client_secret not in page.content()


def add(page: Page, brand: Brand, name: str, label: str) -> str:
    """Walk the dialog up to *Save*; the credential's id."""
    page.goto(brand.scene.url())
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Authentication Type").select_option(label=label)
    if label == "Consumer Authentication":
        press(dialog, "Next")
        assert dialog.get_by_label("Redirect URI").input_value() == brand.callback
        url = f"{brand.scene.sandbox.authorization_url}?client_id={brand.application.client_id}&response_type=code"
        dialog.get_by_label("Authentication URL").fill(f"{url}&scope=openid+read")
        press(dialog, "Save")
        expect(dialog.get_by_text("The parameter redirect_uri is missing").first).to_be_visible()
        dialog.get_by_label("Authentication URL").fill(f"{url}&redirect_uri={quote(brand.callback)}&scope=openid+read")
    press(dialog, "Save")
    expect(page.get_by_text("was saved")).to_be_visible()
    (found,) = brand.scene.credentials_named(name)
    return found


def challenge(brand: Brand, credential_id: str, conversation: str, **more: Any) -> Any:
    answer = brand.post(f"credentials/{credential_id}/challenges", {"conversation": conversation, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def sign_in_at_idp(page: Page, sandbox: Sandbox, who: str) -> None:
    page.wait_for_url(f"{sandbox.url}/**")
    if page.get_by_label("Password").count():
        page.get_by_label("Username").fill(who)
        page.get_by_label("Password").fill(sandbox.password)
        page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Authorize").click()


def called_as(brand: Brand, integration: str, **body: str) -> Any:
    """Who the resource says the call was from, or the error of ours."""
    answer = brand.post(f"integrations/{integration}/call", body)
    if answer.status_code != 200:
        return answer.json()["error"]
    called = answer.json()
    assert (called["success"], called["status"]) == (True, 200), called
    return re.search(r'"user": "(\w+)"', called["body"])[1]  # type: ignore[index]


def test_each_conversation_acts_for_the_consumer_who_signed_in_there_and_for_nobody_else(
    page: Page, brand_of: Brands, phone: Phones
) -> None:
    brand = brand_of(300)
    sandbox = brand.scene.sandbox
    credential = add(page, brand, "Shoppers in conversation", "Consumer Authentication")
    integration = brand.scene.add_integration(credential)
    assert called_as(brand, integration, conversation="c-1") == "consumer_not_authenticated"

    asked = challenge(brand, credential, "c-1")
    assert requests.get(asked["url"], timeout=10).status_code == 200  # the chat app's preview
    right, wrong = phone(), phone()
    right.goto(asked["url"])
    expect(right.get_by_text("Golden Gate Travel")).to_be_visible()
    assert not scrolls_sideways(right)
    right.get_by_role("button", name="Continue").click()
    sign_in_at_idp(right, sandbox, RIGHT)
    expect(right.get_by_text("You can go back to the chat.")).to_be_visible()
    assert not scrolls_sideways(right)
    assert "code=" not in right.url
    assert "state=" not in right.url
    assert brand.get(f"challenges/{asked['id']}")["status"] == "succeeded"
    assert called_as(brand, integration, conversation="c-1") == RIGHT

    # Somebody else with the same link, with the address of the result, and with the way back of another sign-in.
    result = right.url
    wrong.goto(asked["url"])
    expect(wrong.get_by_text("This link was already used.")).to_be_visible()
    wrong.goto(result)
    expect(wrong.get_by_text("There is nothing to see here in this browser.")).to_be_visible()
    stolen = challenge(brand, credential, "c-3")
    right.goto(stolen["url"])
    right.get_by_role("button", name="Continue").click()
    right.wait_for_url(f"{sandbox.url}/**")
    wrongs_code = sandbox.consent(right.url)
    wrong.goto(wrongs_code)
    expect(wrong.get_by_text("Signing in was started in another browser.")).to_be_visible()
    assert called_as(brand, integration, conversation="c-3") == "consumer_not_authenticated"

    # The wrong consumer's own conversation acts for them, and expecting somebody else is answered with no token.
    theirs = challenge(brand, credential, "c-2")
    wrong.goto(theirs["url"])
    wrong.get_by_role("button", name="Continue").click()
    sign_in_at_idp(wrong, sandbox, WRONG)
    expect(wrong.get_by_text("You can go back to the chat.")).to_be_visible()
    assert called_as(brand, integration, conversation="c-2") == WRONG
    assert called_as(brand, integration, conversation="c-1") == RIGHT
    shopper = brand.get(f"challenges/{asked['id']}")["consumer"]
    expecting = challenge(brand, credential, "c-4", subject=shopper)
    wrong.goto(expecting["url"])
    wrong.get_by_role("button", name="Continue").click()
    sign_in_at_idp(wrong, sandbox, WRONG)
    expect(wrong.get_by_text("Signing in did not work")).to_be_visible()
    assert brand.get(f"challenges/{expecting['id']}")["error"] == "wrong_subject"
    assert called_as(brand, integration, conversation="c-4") == "consumer_not_authenticated"

    # With a confirmation code the token comes when the consumer has told it to the bot.
    confirming = challenge(brand, credential, "c-5", confirm=True)
    right.goto(confirming["url"])
    right.get_by_role("button", name="Continue").click()
    sign_in_at_idp(right, sandbox, RIGHT)
    code = right.locator("#confirmation-code").inner_text()
    assert called_as(brand, integration, conversation="c-5") == "consumer_not_authenticated"
    assert brand.post(f"challenges/{confirming['id']}/confirm", {"code": code}).status_code == 200
    assert called_as(brand, integration, conversation="c-5") == RIGHT


def hand_over(brand: Brand, who: str) -> Any:
    """What the brand's page does: PKCE and a nonce of its own, a signed-in consumer, and the code to the service."""
    sandbox, verifier = brand.scene.sandbox, pkce.new_verifier()
    query = {
        "client_id": brand.application.client_id,
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": "openid read offline",
        "nonce": f"nonce-of-{who}",
        "state": "s",
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
    }
    signed_in = requests.Session()
    login = f"{sandbox.url}/accounts/login/"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', signed_in.get(login, timeout=10).text)
    form = {"username": who, "password": sandbox.password, "csrfmiddlewaretoken": token[1] if token else ""}
    signed_in.post(login, data=form, headers={"Referer": login}, timeout=10)
    back = sandbox.consent(f"{sandbox.authorization_url}?{urlencode(query)}", session=signed_in)
    code = parse_qs(urlsplit(back).query)["code"][0]
    body = {"code": code, "redirect_uri": BACK, "code_verifier": verifier, "nonce": f"nonce-of-{who}"}
    answer = brand.post("consumers", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["consumer"]


def test_consumers_who_signed_in_before_are_acted_for_each_with_their_own_token_also_after_it_has_ended(
    page: Page, brand_of: Brands
) -> None:
    brand = brand_of(6)
    credential = add(page, brand, "Shoppers", "Consumer Pre-Authentication")
    integration = brand.scene.add_integration(credential)
    right, wrong = hand_over(brand, RIGHT), hand_over(brand, WRONG)
    assert called_as(brand, integration, consumer=right) == RIGHT
    assert called_as(brand, integration, consumer=wrong) == WRONG
    assert called_as(brand, integration, consumer="nobody") == "consumer_not_authenticated"
    assert called_as(brand, integration, conversation="c-1") == "consumer_not_authenticated"
    stats = brand.scene.sandbox.stats
    wait_until(lambda: stats().live_access_tokens == 0, seconds=20, what="the access tokens' end")
    assert called_as(brand, integration, consumer=right) == RIGHT
    assert called_as(brand, integration, consumer=wrong) == WRONG
    assert stats().refreshes == 2
