"""The Add Credentials dialog: Back, Esc, errors, and a button that is pressed twice."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import enter_basics, enter_resource, open_dialog, press, redirect_uri, sign_in

pytestmark = pytest.mark.chromium


def test_back_loses_nothing(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_basics(dialog, "Back and forth", "Authorization Code")
    press(dialog, "Next")
    uri = redirect_uri(dialog)
    application = scene.sandbox.register_application("Back", redirect_uri=uri)
    press(dialog, "Next")
    enter_resource(dialog, scene.sandbox, application, scope="read")
    dialog.get_by_text("Advanced").click()
    dialog.get_by_label("Authorization parameters").fill("prompt=consent")
    dialog.get_by_label("Use PKCE").uncheck()

    press(dialog, "Back")
    assert redirect_uri(dialog) == uri
    press(dialog, "Back")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Back and forth")
    expect(dialog.get_by_label("Authentication Type")).to_have_value("oauth2")
    expect(dialog.get_by_label("Grant Type")).to_have_value("authorization_code")
    press(dialog, "Next")
    assert redirect_uri(dialog) == uri
    press(dialog, "Next")

    expect(dialog.get_by_label("Client ID")).to_have_value(application.client_id)
    expect(dialog.get_by_label("Scope")).to_have_value("read")
    expect(dialog.get_by_label("Auth URL")).to_have_value(scene.sandbox.authorization_url)
    expect(dialog.get_by_label("Token URL")).to_have_value(scene.sandbox.token_url)
    # The secret is kept, and is in the page no more.
    expect(dialog.get_by_text("configured")).to_be_visible()
    assert application.client_secret not in page.content()
    dialog.get_by_text("Advanced").click()
    expect(dialog.get_by_label("Authorization parameters")).to_have_value("prompt=consent")
    expect(dialog.get_by_label("Use PKCE")).not_to_be_checked()
    dialog.get_by_label("Use PKCE").check()
    press(dialog, "Authorize")
    page.wait_for_url(f"{scene.sandbox.url}/**")


def test_esc_closes_the_dialog_and_gives_the_focus_back_to_its_button(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill("Never mind")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Add Credentials")).to_be_focused()
    assert page.url == scene.url()
    assert scene.credentials_named("Never mind") == []


@pytest.mark.parametrize("button", ["Cancel", "Close"])
def test_the_dialogs_own_buttons_close_it_on_every_step(page: Page, scene: Scene, button: str) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_basics(dialog, "Closed on the second step", "Authorization Code")
    press(dialog, "Next")
    expect(dialog.get_by_label("Redirect URI")).to_be_visible()
    dialog.get_by_role("button", name=button).or_(dialog.get_by_role("link", name=button)).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Add Credentials")).to_be_focused()
    # Opened again, it begins anew.
    expect(open_dialog(page).get_by_label("Name", exact=True)).to_have_value("")


def test_errors_take_the_focus_and_lead_to_their_fields(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill("Without a type")
    press(dialog, "Next")
    summary = dialog.get_by_role("alert", name="There is a problem")
    expect(summary).to_be_focused()
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Without a type")
    summary.get_by_role("link", name="Authentication Type").click()
    field = dialog.get_by_label("Authentication Type")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")


def test_a_name_that_is_taken_is_refused_at_the_first_step(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    for attempt in range(2):
        dialog = open_dialog(page)
        enter_basics(dialog, "Taken", "Client Credentials")
        press(dialog, "Next")
        if attempt == 0:
            application = scene.sandbox.register_application("Taken", grant="client-credentials")
            enter_resource(dialog, scene.sandbox, application, scope="read")
            press(dialog, "Authorize")
            page.wait_for_url("**/authorizations/**")
            page.goto(scene.url())
    expect(dialog.get_by_role("alert", name="There is a problem")).to_contain_text("already a credential of this name")
    assert len(scene.credentials_named("Taken")) == 1


def test_pressing_authorize_twice_in_the_dialog_makes_one_row(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    press_twice(page, open_dialog(page), scene, "Pressed twice")


def test_pressing_authorize_twice_without_javascript_makes_one_row(plain_page: Page, scene: Scene) -> None:
    sign_in(plain_page, scene)
    plain_page.get_by_role("link", name="Add Credentials").click()
    press_twice(plain_page, plain_page.get_by_role("main"), scene, "Pressed twice without scripts")


def press_twice(page: Page, surface: Locator, scene: Scene, name: str) -> None:
    enter_basics(surface, name, "Client Credentials")
    press(surface, "Next")
    application = scene.sandbox.register_application(name, grant="client-credentials")
    enter_resource(surface, scene.sandbox, application, scope="read")
    surface.get_by_role("button", name="Authorize").dblclick()
    expect(page.get_by_role("link", name="Show the credential").or_(page.locator("#credential-status"))).to_be_visible()
    assert len(scene.credentials_named(name)) == 1


def test_the_last_form_sent_again_leads_to_the_credential_that_it_made(page: Page, scene: Scene) -> None:
    name = "Sent by two tabs"
    sign_in(page, scene)
    page.goto(scene.url("credentials/add/"))
    form = page.get_by_role("main")
    enter_basics(form, name, "Client Credentials")
    press(form, "Next")
    application = scene.sandbox.register_application("Two tabs", grant="client-credentials")
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        surface = tab.get_by_role("main")
        enter_resource(surface, scene.sandbox, application, scope="read")
    press(page.get_by_role("main"), "Authorize")
    page.wait_for_url("**/authorizations/**")
    press(other.get_by_role("main"), "Authorize")
    expect(other.get_by_role("heading", name=name)).to_be_visible()
    assert len(scene.credentials_named(name)) == 1
