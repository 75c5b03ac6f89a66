"""Consumers of a brand whose identity provider is the sandbox: each in a browser of their own, one of them wrong."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from credentials.oauth import pkce
from tests.e2e.scene import Scene, another
from tests.e2e.walk import be, begin_a_procedure, press, scrolls_sideways
from tests.e2e.watch import watch
from tests.support.processes import wait_until
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


Phones = Callable[[], Page]


def brand(page: Page, scene: Scene, sandbox: Sandbox, *, name: str, number: str) -> Brand:
    """An account of its own in the scene's product; Alice sets up its identity provider, who knows two shoppers."""
    home = another(scene, name, number=number, sandbox=sandbox)
    for person in (RIGHT, WRONG):
        sandbox.command("add-person", "--username", person)
    callback = f"{scene.product.url}/callback/{number}/redirectedCode"
    application = sandbox.register_application("Brand", redirect_uri=f"{callback} {BACK}", id_tokens=True)
    be(page, home, "alice")
    set_up_identity_provider(page, home, number, application)
    return Brand(home, application, callback)


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


def set_up_identity_provider(page: Page, scene: Scene, number: str, application: Application) -> None:
    """What Alice does once: name the issuer, *Discover*, enter the client, *Save*."""
    page.goto(f"{scene.product.url}/accounts/{number}/identity-provider/")
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


def saved(page: Page, brand: Brand, name: str, dialog: Locator) -> str:
    """*Save*; the credential's id."""
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


def test_procedure_add_a_consumer_authentication_credential(
    page: Page, scene: Scene, newcomer: Scene, lasting_sandbox: Sandbox, phone: Phones
) -> None:
    """And then each conversation acts for the consumer who signed in there, and for nobody else."""
    sandbox = lasting_sandbox.start()
    golden = brand(page, scene, sandbox, name="Golden Gate", number="55500300")
    dialog = begin_a_procedure(page, golden.scene, "Shoppers in conversation", "Consumer Authentication")
    press(dialog, "Next")
    assert dialog.get_by_label("Redirect URI").input_value() == golden.callback
    url = f"{sandbox.authorization_url}?client_id={golden.application.client_id}&response_type=code"
    dialog.get_by_label("Authentication URL").fill(f"{url}&scope=openid+read")
    press(dialog, "Save")
    expect(dialog.get_by_text("The parameter redirect_uri is missing").first).to_be_visible()
    dialog.get_by_label("Authentication URL").fill(f"{url}&redirect_uri={quote(golden.callback)}&scope=openid+read")
    credential = saved(page, golden, "Shoppers in conversation", dialog)
    assert_conversations_are_kept_apart(golden, credential, phone)


def assert_conversations_are_kept_apart(brand: Brand, credential: str, phone: Phones) -> None:
    sandbox = brand.scene.sandbox
    integration = brand.scene.add_integration(credential)
    assert called_as(brand, integration, conversation="c-1") == "consumer_not_authenticated"

    asked = challenge(brand, credential, "c-1")
    assert requests.get(asked["url"], timeout=10).status_code == 200  # the chat app's preview
    right, wrong = phone(), phone()
    right.goto(asked["url"])
    expect(right.get_by_text("Brand 55500300")).to_be_visible()
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


def test_procedure_add_a_consumer_pre_authentication_credential(page: Page, newcomer: Scene) -> None:
    account = another(newcomer, "Corner shop", number="55500700")
    be(page, account, "alice")
    dialog = begin_a_procedure(page, account, "Shoppers", "Consumer Pre-Authentication")
    press(dialog, "Save")
    expect(page.get_by_text("The credential “Shoppers” was saved.")).to_be_visible()
    assert len(account.credentials_named("Shoppers")) == 1


def test_procedure_use_consumer_pre_authentication(page: Page, scene: Scene, newcomer: Scene) -> None:
    """Each consumer who signed in before is acted for with their own token, also after it has ended."""
    storefront = brand(page, scene, scene.sandbox, name="Flagship store", number="55500200")
    dialog = begin_a_procedure(page, storefront.scene, "Shoppers", "Consumer Pre-Authentication")
    credential = saved(page, storefront, "Shoppers", dialog)

    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="Add integration").click()
    form = page.get_by_role("main")
    form.get_by_label("Integration name").fill("Order status")
    form.get_by_label("Bot", exact=True).select_option(value=storefront.scene.stage.bot_id)
    form.get_by_label("URL", exact=True).fill(f"{scene.sandbox.url}/api/orders/A-1001")
    form.get_by_label("Credential", exact=True).select_option(value=credential)
    press(form, "Add integration")
    page.wait_for_url(re.compile("/integrations/[0-9a-f-]{36}/$"))
    integration = page.url.rstrip("/").rpartition("/")[2]

    right, wrong = hand_over(storefront, RIGHT), hand_over(storefront, WRONG)
    assert called_as(storefront, integration, consumer=right) == RIGHT
    assert called_as(storefront, integration, consumer=wrong) == WRONG
    assert called_as(storefront, integration, consumer="nobody") == "consumer_not_authenticated"
    assert called_as(storefront, integration, conversation="c-1") == "consumer_not_authenticated"
    stats, client_id = scene.sandbox.stats, storefront.application.client_id
    wait_until(lambda: stats(client_id).live_access_tokens == 0, seconds=20, what="the access tokens' end")
    assert called_as(storefront, integration, consumer=right) == RIGHT
    assert called_as(storefront, integration, consumer=wrong) == WRONG
    assert stats(client_id).refreshes == 2
