"""Both grants of OAuth 2.0, as the specification's procedures say, up to a bot's call after the token has expired."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from botaccounts.sandbox.ledger import Stats
from tests.e2e.scene import Scene
from tests.e2e.walk import (
    PASSED,
    SCOPE,
    answer_at_resource,
    begin_a_procedure,
    credential_id,
    enter_basics,
    enter_name_and_password,
    enter_resource,
    press,
    redirect_uri,
    register_by_hand,
    sign_in,
    sign_in_by_form,
)
from tests.support.processes import wait_until
from tests.support.sandbox_server import WANTS_ENCODING, Application, Sandbox

pytestmark = pytest.mark.chromium


def assert_the_api_answers(scene: Scene, integration_id: str, client_id: str) -> None:
    answer = scene.call(integration_id)
    assert answer.status_code == 200, answer.text
    called = answer.json()
    assert (called["success"], called["status"], called["attempts"]) == (True, 200, 1)
    assert client_id in str(called["body"])


def once_the_token_has_ended(sandbox: Sandbox, application: Application) -> Stats:
    """It lives for seconds, and nobody helps it to its end."""
    wait_until(
        lambda: sandbox.stats(application.client_id).live_access_tokens == 0,
        seconds=20,
        what="the access token's expiry",
    )
    return sandbox.stats(application.client_id)


def test_procedure_add_an_oauth_2_0_credential_using_the_authorization_code_grant_type(
    page: Page, context: BrowserContext, browser: Browser, newcomer: Scene
) -> None:
    """The whole path by nobody's help: the resource is set up by hand, and the bot's call outlives the token."""
    scene = newcomer
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter_name_and_password(page, scene, "alice")
    page.wait_for_url(f"{scene.product.url}/organizations/")
    dialog = begin_a_procedure(page, scene, "Orders by code", "OAuth 2.0", "Authorization Code")
    press(dialog, "Next")
    press(dialog, "Copy")
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
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
    before = once_the_token_has_ended(scene.sandbox, application)
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


def test_procedure_add_an_oauth_2_0_credential_using_the_client_credentials_grant_type(
    page: Page, newcomer: Scene
) -> None:
    scene = newcomer
    enter_name_and_password(page, scene, "alice")
    page.wait_for_url(f"{scene.product.url}/organizations/")
    dialog = begin_a_procedure(page, scene, "Orders by client", "OAuth 2.0", "Client Credentials")
    press(dialog, "Next")
    expect(dialog.get_by_role("paragraph").filter(has_text="Step 2 of 2")).to_be_visible()
    expect(dialog.get_by_role("status")).to_have_text("Step 2 of 2")
    expect(dialog.get_by_label("Auth URL")).to_have_count(0)
    expect(dialog.get_by_label("Redirect URI")).to_have_count(0)
    application = scene.sandbox.register_application(
        "Orders by client", grant="client-credentials", ending=WANTS_ENCODING
    )
    enter_resource(dialog, scene.sandbox, application, scope="read")
    press(dialog, "Authorize")
    expect(page.get_by_text(PASSED)).to_be_visible()

    integration = scene.add_integration(credential_id(page))
    assert_the_api_answers(scene, integration, application.client_id)
    before = once_the_token_has_ended(scene.sandbox, application).token_requests["client_credentials"]
    assert_the_api_answers(scene, integration, application.client_id)
    assert scene.sandbox.stats(application.client_id).token_requests["client_credentials"] == before + 1


def test_ux_23_the_walk_with_a_code_works_without_javascript(plain_page: Page, scene: Scene) -> None:
    page = plain_page
    sign_in_by_form(page, scene)
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


def test_ux_23_client_credentials_work_without_javascript(plain_page: Page, scene: Scene) -> None:
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
