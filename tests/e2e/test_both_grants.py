"""Both grants of OAuth 2.0, from Bob's sign-in to a bot's call after the access token has expired."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import (
    PASSED,
    SCOPE,
    add_credential,
    answer_at_resource,
    credential_id,
    enter_basics,
    enter_resource,
    open_dialog,
    press,
    redirect_uri,
    register_by_hand,
    sign_in,
)
from tests.support.processes import wait_until

pytestmark = pytest.mark.chromium


def wait_for_the_end_of_the_token(scene: Scene, client_id: str) -> None:
    wait_until(
        lambda: scene.sandbox.stats(client_id).live_access_tokens == 0, seconds=20, what="the access token's expiry"
    )


def assert_the_api_answers(scene: Scene, integration_id: str, client_id: str) -> None:
    answer = scene.call(integration_id)
    assert answer.status_code == 200, answer.text
    called = answer.json()
    assert (called["success"], called["status"], called["attempts"]) == (True, 200, 1)
    assert client_id in str(called["body"])


def test_bob_authorizes_with_a_code_and_the_bots_call_still_works_after_the_token_has_expired(
    page: Page, context: BrowserContext, browser: Browser, scene: Scene
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, scene)
    page.get_by_role("navigation").get_by_role("link", name="Credentials").click()
    dialog = open_dialog(page)
    enter_basics(dialog, "Orders by code", "Authorization Code")
    press(dialog, "Next")

    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied")
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == redirect_uri(dialog)
    assert copied.startswith(f"{scene.product.url}/oauth2/callback/")
    application = register_by_hand(browser, scene.sandbox, "Bot Accounts by hand", copied)
    press(dialog, "Next")

    enter_resource(dialog, scene.sandbox, application)
    press(dialog, "Authorize")
    page.wait_for_url(f"{scene.sandbox.url}/accounts/login/**")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()
    assert "code=" not in page.url
    assert "state=" not in page.url

    integration = scene.add_integration(credential_id(page))
    assert_the_api_answers(scene, integration, application.client_id)
    wait_for_the_end_of_the_token(scene, application.client_id)
    before = scene.sandbox.stats(application.client_id)
    assert_the_api_answers(scene, integration, application.client_id)
    after = scene.sandbox.stats(application.client_id)
    assert after.refreshes == before.refreshes + 1
    assert after.token_requests["authorization_code"] == 1

    page.get_by_role("link", name="Show the credential").click()
    expect(page.locator("#credential-status")).to_have_text("Active")
    expect(page.get_by_text("Access token renewed")).not_to_have_count(0)
    page.goto(scene.url("credentials/?q=Orders+by+code"))
    row = page.get_by_role("row").filter(has_text="Orders by code")
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("1 integration")


def test_bob_authorizes_with_client_credentials_and_the_bots_call_still_works_after_the_token_has_expired(
    page: Page, scene: Scene
) -> None:
    sign_in(page, scene)
    application = add_credential(page, scene, "Orders by client", "Client Credentials", scope="read")
    expect(page.get_by_text(PASSED)).to_be_visible()

    integration = scene.add_integration(credential_id(page))
    assert_the_api_answers(scene, integration, application.client_id)
    wait_for_the_end_of_the_token(scene, application.client_id)
    before = scene.sandbox.stats(application.client_id).token_requests["client_credentials"]
    assert_the_api_answers(scene, integration, application.client_id)
    assert scene.sandbox.stats(application.client_id).token_requests["client_credentials"] == before + 1


def test_client_credentials_asks_for_no_auth_url_and_shows_no_redirect_uri(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_basics(dialog, "Two steps", "Client Credentials")
    press(dialog, "Next")
    expect(dialog.get_by_role("paragraph").filter(has_text="Step 2 of 2")).to_be_visible()
    expect(dialog.get_by_role("status")).to_have_text("Step 2 of 2")
    expect(dialog.get_by_label("Token URL")).to_be_visible()
    expect(dialog.get_by_label("Auth URL")).to_have_count(0)
    expect(dialog.get_by_label("Redirect URI")).to_have_count(0)


def test_the_walk_with_a_code_works_without_javascript(plain_page: Page, scene: Scene) -> None:
    page = plain_page
    sign_in(page, scene)
    page.get_by_role("link", name="Add Credentials").click()
    form = page.get_by_role("main")
    enter_basics(form, "Orders without scripts", "Authorization Code")
    press(form, "Next")
    application = scene.sandbox.register_application("Plain", redirect_uri=redirect_uri(form))
    expect(form.get_by_role("button", name="Copy")).to_be_hidden()
    press(form, "Next")
    enter_resource(form, scene.sandbox, application, scope=SCOPE)
    press(form, "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()
    page.get_by_role("link", name="Show the credential").click()
    expect(page.locator("#credential-status")).to_have_text("Active")


def test_client_credentials_work_without_javascript(plain_page: Page, scene: Scene) -> None:
    page = plain_page
    sign_in(page, scene)
    page.get_by_role("link", name="Add Credentials").click()
    form = page.get_by_role("main")
    enter_basics(form, "Client without scripts", "Client Credentials")
    press(form, "Next")
    application = scene.sandbox.register_application("Plain client", grant="client-credentials")
    enter_resource(form, scene.sandbox, application, scope="read")
    press(form, "Authorize")
    expect(page.get_by_text(PASSED)).to_be_visible()
