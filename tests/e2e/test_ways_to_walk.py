"""The path of Authorization Code for everybody: by keyboard alone, and on a window 320 pixels wide."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import keyboard
from tests.e2e.scene import Scene
from tests.e2e.walk import (
    PASSED,
    SCOPE,
    answer_at_resource,
    enter_basics,
    enter_resource,
    open_dialog,
    press,
    redirect_uri,
    scrolls_sideways,
    sign_in,
)

pytestmark = pytest.mark.chromium


def test_ux_23_the_walk_with_a_code_works_by_keyboard_alone(page: Page, scene: Scene) -> None:
    sandbox = scene.sandbox
    page.goto(f"{scene.product.url}/")
    keyboard.type_into(page, page.get_by_label("Username"), "bob")
    keyboard.type_into(page, page.get_by_label("Password"), scene.stage.password)
    page.keyboard.press("Enter")
    keyboard.press(page, page.get_by_role("link", name="Add Credentials"))

    dialog = page.get_by_role("dialog", name="Add Credentials")
    # The first field has the focus: whoever sees the dialog can type.
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Orders by keyboard")
    keyboard.choose(page, dialog.get_by_label("Authentication Type"), "OAuth")
    keyboard.choose(page, dialog.get_by_label("Grant Type"), "Auth")
    keyboard.press(page, dialog.get_by_role("button", name="Next"))
    keyboard.tab_to(page, dialog.get_by_role("button", name="Copy"))
    application = sandbox.register_application("Keyboard", redirect_uri=redirect_uri(dialog))
    keyboard.press(page, dialog.get_by_role("button", name="Next"), "Space")
    expect(dialog.get_by_label("Client ID")).to_be_focused()
    page.keyboard.type(application.client_id)
    keyboard.type_into(page, dialog.get_by_label("Client Secret"), application.client_secret)
    keyboard.type_into(page, dialog.get_by_label("Scope"), SCOPE)
    keyboard.type_into(page, dialog.get_by_label("Auth URL"), sandbox.authorization_url)
    keyboard.type_into(page, dialog.get_by_label("Token URL"), sandbox.token_url)
    page.keyboard.press("Enter")

    page.wait_for_url(f"{sandbox.url}/**")
    keyboard.type_into(page, page.get_by_label("Username"), sandbox.username)
    keyboard.type_into(page, page.get_by_label("Password"), sandbox.password)
    page.keyboard.press("Enter")
    keyboard.press(page, page.get_by_role("button", name="Authorize"))
    expect(page.get_by_text(PASSED)).to_be_visible()
    keyboard.press(page, page.get_by_role("link", name="Show the credential"))
    expect(page.locator("#credential-status")).to_have_text("Active")


def test_ux_20_the_dialog_keeps_the_keyboard_inside_itself(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside, what = page.evaluate(
            "[document.activeElement === document.body || !!document.activeElement.closest('dialog'),"
            " document.activeElement.outerHTML.slice(0, 80)]"
        )
        assert inside, what
        seen.add(what)
    assert len(seen) >= 4


def test_ux_22_the_walk_with_a_code_never_scrolls_sideways_at_320_pixels(page: Page, scene: Scene) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{scene.product.url}/")
    assert not scrolls_sideways(page)
    sign_in(page, scene)
    assert not scrolls_sideways(page)
    dialog = open_dialog(page)
    assert not scrolls_sideways(page)
    name = "Orders on a telephone whose window is as narrow as a person's hand"
    enter_basics(dialog, name, "Authorization Code")
    press(dialog, "Next")
    application = scene.sandbox.register_application("Narrow", redirect_uri=redirect_uri(dialog))
    assert not scrolls_sideways(page)
    press(dialog, "Next")
    dialog.get_by_text("Advanced").click()
    assert not scrolls_sideways(page)
    enter_resource(dialog, scene.sandbox, application)
    press(dialog, "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()
    assert not scrolls_sideways(page)
    page.get_by_role("link", name="Show the credential").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert not scrolls_sideways(page)
    page.get_by_role("link", name="All credentials").click()
    assert not scrolls_sideways(page)
    page.goto(scene.url("credentials/?q=telephone"))
    page.get_by_text(re.compile("Actions for Orders on a telephone")).locator("..").click()
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    assert not scrolls_sideways(page)
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    assert not scrolls_sideways(page)
