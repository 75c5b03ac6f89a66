"""The Add Credentials dialog: its steps, Copy, Back, Esc, errors, and a button that is pressed twice."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import enter_basics, enter_resource, open_dialog, press, redirect_uri, sign_in
from tests.support.sandbox_server import Application

pytestmark = pytest.mark.chromium

# Label of the specification, and what its help says there.
FIELDS = {
    "Client ID": "A public ID that identifies the API client to the respective entity.",
    "Client Secret": "Used for verifying the client's identity before providing an access token to the API.",
    "Scope": "This value is passed as is; it should conform to the OAuth 2.0 specification.",
    "Auth URL": "Used only during the authorization process, which usually happens once.",
    "Token URL": "Also used for refreshing the token when it expires.",
}


def labels(surface: Locator) -> list[str]:
    """The labels that a person sees, without what marks a field as optional."""
    shown = surface.locator("label:visible, .field-label:visible").all_inner_texts()
    return [re.sub(r"\s*\(?optional\)?", "", each, flags=re.IGNORECASE).strip() for each in shown]


def buttons(surface: Locator) -> list[str]:
    return surface.locator("form .actions :is(button, a)").all_inner_texts()


def test_ux_06_the_steps_have_the_labels_the_order_the_help_and_the_buttons_of_the_specification(
    page: Page, scene: Scene
) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    assert labels(dialog) == ["Name", "Authentication Type"]
    enter_basics(dialog, "Step by step", "Authorization Code")
    assert labels(dialog) == ["Name", "Authentication Type", "Grant Type"]
    assert buttons(dialog) == ["Next", "Cancel"]
    press(dialog, "Next")
    expect(dialog.get_by_label("Redirect URI")).to_be_visible()
    assert labels(dialog) == ["Redirect URI"]
    assert buttons(dialog) == ["Next", "Back", "Cancel"]
    press(dialog, "Next")
    expect(dialog.get_by_label("Client ID")).to_be_visible()
    assert labels(dialog) == list(FIELDS)
    assert buttons(dialog) == ["Authorize", "Back", "Cancel"]
    for label, said in FIELDS.items():
        expect(dialog.get_by_label(label)).to_have_accessible_description(re.compile(re.escape(said)))
    press(dialog, "Back")
    press(dialog, "Back")
    dialog.get_by_label("Authentication Type").select_option(label="Basic Authentication")
    press(dialog, "Next")
    expect(dialog.get_by_label("User Name")).to_be_visible()
    assert labels(dialog) == ["User Name", "User Password"]
    assert buttons(dialog) == ["Save", "Back", "Cancel"]


def test_ux_06_nothing_in_the_dialog_shifts_under_a_persons_hand(page: Page, scene: Scene) -> None:
    """Chromium's record of layout shifts, also of those that follow a click, and one more shift would be in it.

    Not counted is what comes with the choice of a type: Grant Type appears above the buttons.
    """
    sign_in(page, scene)
    dialog = open_dialog(page)
    close = dialog.get_by_role("button", name="Close")
    place = close.bounding_box()
    enter_basics(dialog, "Keeps still", "Authorization Code")
    page.evaluate(WATCH_SHIFTS)
    press(dialog, "Next")
    expect(dialog.get_by_label("Redirect URI")).to_be_visible()
    press(dialog, "Next")
    press(dialog, "Authorize")
    expect(dialog.get_by_role("alert")).to_be_visible()
    enter_resource(dialog, scene.sandbox, Application("a-client", "canary-client-secret"))
    press(dialog, "Back")
    expect(dialog.get_by_label("Redirect URI")).to_be_visible()
    assert close.bounding_box() == place
    assert page.evaluate(SHIFTS) == []
    page.evaluate("document.getElementById('dialog-body').prepend(Object.assign(new Image(), {height: 200}))")
    assert page.evaluate(SHIFTS) != []


WATCH_SHIFTS = """() => {
    window.shifts = [];
    const record = (entry) => `${entry.value} by ${entry.sources.map(({node}) => node?.outerHTML?.slice(0, 80))}`;
    const observer = new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(record)));
    observer.observe({type: "layout-shift"});
}"""
SHIFTS = """async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve));
    return window.shifts;
}"""


def test_ux_07_copy_answers_copied_and_says_so_aloud(page: Page, context: BrowserContext, scene: Scene) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_basics(dialog, "Copied", "Authorization Code")
    press(dialog, "Next")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied")
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == redirect_uri(dialog)
    assert copied.startswith(f"{scene.product.url}/oauth2/callback/")


def test_ux_07_the_redirect_uri_can_be_selected_without_javascript(plain_page: Page, scene: Scene) -> None:
    page = plain_page
    added = scene.added("Selected by hand")
    sign_in(page, scene)
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    uri = page.get_by_role("textbox", name="Redirect URI")
    uri.focus()
    page.keyboard.press("ControlOrMeta+a")
    selected = uri.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert selected == added.redirect_uri
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


def test_ux_06_back_loses_nothing(page: Page, scene: Scene) -> None:
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


def test_ux_20_esc_closes_the_dialog_and_gives_the_focus_back_to_its_button(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill("Never mind")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Add Credentials")).to_be_focused()
    assert page.url == scene.url()
    assert scene.credentials_named("Never mind") == []


@pytest.mark.parametrize("button", ["Cancel", "Close"])
def test_ux_20_the_dialogs_own_buttons_close_it_on_every_step(page: Page, scene: Scene, button: str) -> None:
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


def test_ux_12_errors_take_the_focus_and_lead_to_their_fields(page: Page, scene: Scene) -> None:
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


def test_ux_12_a_name_that_is_taken_is_refused_at_the_first_step(page: Page, scene: Scene) -> None:
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


def test_ux_13_pressing_authorize_twice_in_the_dialog_makes_one_row(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    press_twice(page, open_dialog(page), scene, "Pressed twice")


def test_ux_13_pressing_authorize_twice_without_javascript_makes_one_row(plain_page: Page, scene: Scene) -> None:
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


def test_ux_13_the_last_form_sent_again_leads_to_the_credential_that_it_made(page: Page, scene: Scene) -> None:
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
