"""Authorize from the 3-dot menu: by mouse, keyboard and touch, and what happens when the person cancels there."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import (
    PASSED,
    answer_at_resource,
    authorize_here,
    be,
    press,
    search_for,
    select_the_organization,
)

pytestmark = pytest.mark.chromium


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def menu_of(page: Page, name: str) -> Locator:
    return row_of(page, name).locator("summary")


def open_list_at(page: Page, scene: Scene, name: str) -> None:
    """The list, searched for one credential: others may have pushed it to a later page."""
    page.goto(scene.url(f"credentials/?q={quote(name)}"))


def authorize_from_the_menu(page: Page, scene: Scene, name: str) -> None:
    open_list_at(page, scene, name)
    row_of(page, name).hover()
    menu_of(page, name).click()
    for entry in ("Edit", "Delete"):
        expect(row_of(page, name).get_by_role("link", name=entry)).to_be_visible()
    row_of(page, name).get_by_role("button", name="Authorize").click()


def test_procedure_reauthorize_an_existing_oauth_2_0_credential(page: Page, newcomer: Scene) -> None:
    """In the Credentials view: the mouse over the credential, the 3-dot icon, *Authorize*; and there is a new token."""
    scene, name = newcomer, "Authorized again"
    application = scene.authorized(name).application
    be(page, scene, "alice")
    select_the_organization(page, scene)
    search_for(page, name)
    row = row_of(page, name)
    row.hover()
    row.get_by_text("Actions for").locator("..").click()
    entries = row.locator(".menu-list").get_by_role("listitem").all_inner_texts()
    assert [entry.strip() for entry in entries] == ["Edit", "Delete", "Authorize"]
    row.get_by_role("button", name="Authorize").click()
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()
    assert scene.sandbox.stats(application.client_id).token_requests["authorization_code"] == 2


def test_ux_11_cancelling_leaves_an_active_credential_active_and_says_what_happened(page: Page, scene: Scene) -> None:
    be(page, scene)
    name = "Active in spite of a cancel"
    added = scene.authorized(name)
    authorize_from_the_menu(page, scene, name)
    answer_at_resource(page, scene.sandbox, allow=False)

    expect(page.get_by_role("heading", name="Access was not granted")).to_be_visible()
    expect(page).to_have_title(f"Error: Access was not granted · {name} · Bot Accounts")
    main = page.get_by_role("main")
    expect(main).to_contain_text("Access was declined at the resource")
    expect(main).to_contain_text("Click Authorize again and allow access")
    expect(main).to_contain_text("The credential goes on working as before")
    page.get_by_role("link", name="Show the credential").click()
    expect(page.locator("#credential-status")).to_have_text("Active")
    expect(page.get_by_text("Authorization failed")).to_be_visible()
    assert added.application.client_id in scene.call(scene.add_integration(added.credential_id)).text


def test_ux_11_cancelling_the_first_time_keeps_what_was_entered_and_authorize_is_one_click_away(
    page: Page, scene: Scene
) -> None:
    be(page, scene)
    name = "Cancelled at first"
    added = scene.added(name)
    application = added.application
    authorize_here(page, scene, added, allow=False)
    expect(page.get_by_role("heading", name="Access was not granted")).to_be_visible()
    expect(page.get_by_text("What you entered is kept.")).to_be_visible()

    page.get_by_role("link", name="Show the credential").click()
    expect(page.locator("#credential-status")).to_have_text("Needs authorization")
    expect(page.locator("#credential-problem")).to_contain_text("Access was declined at the resource")
    page.get_by_role("link", name="Edit").click()
    form = page.get_by_role("main")
    expect(form.get_by_label("Name", exact=True)).to_have_value(name)
    expect(form.get_by_label("Client ID")).to_have_value(application.client_id)
    expect(form.get_by_label("Token URL")).to_have_value(scene.sandbox.token_url)
    expect(form.get_by_text("configured")).to_be_visible()
    page.go_back()

    press(page.locator("#credential-problem"), "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()


def test_ux_05_the_menu_opens_by_keyboard_and_gives_the_focus_back(page: Page, scene: Scene) -> None:
    scene.authorized("Menu by keyboard")
    be(page, scene)
    open_list_at(page, scene, "Menu by keyboard")
    menu, row = menu_of(page, "Menu by keyboard"), row_of(page, "Menu by keyboard")
    menu.focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("link", name="Edit")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(row.get_by_role("link", name="Edit")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row.get_by_role("button", name="Authorize")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row.get_by_role("link", name="Edit")).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()


def test_ux_05_the_menu_waits_for_a_mouse_over_its_row_or_the_keyboard(page: Page, scene: Scene) -> None:
    scene.added("Menu by mouse")
    be(page, scene)
    open_list_at(page, scene, "Menu by mouse")
    menu, row = menu_of(page, "Menu by mouse"), row_of(page, "Menu by mouse")
    expect(menu).to_have_css("opacity", "0")
    row.hover()
    expect(menu).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    expect(menu).to_have_css("opacity", "0")
    row.get_by_role("link", name="Menu by mouse").focus()
    page.keyboard.press("Tab")
    expect(menu).to_be_focused()
    expect(menu).to_have_css("opacity", "1")


def test_ux_05_the_menu_opens_by_touch(browser: Browser, scene: Scene) -> None:
    scene.added("Menu by touch")
    telephone = browser.new_context(
        ignore_https_errors=True,
        has_touch=True,
        viewport={"width": 320, "height": 640},
    )
    touched = telephone.new_page()
    be(touched, scene)
    open_list_at(touched, scene, "Menu by touch")
    menu_of(touched, "Menu by touch").tap()
    expect(row_of(touched, "Menu by touch").get_by_role("button", name="Authorize")).to_be_visible()
    telephone.close()


def test_ux_23_authorizing_again_works_without_javascript(plain_page: Page, scene: Scene) -> None:
    scene.authorized("Again without scripts")
    be(plain_page, scene)
    authorize_from_the_menu(plain_page, scene, "Again without scripts")
    answer_at_resource(plain_page, scene.sandbox)
    expect(plain_page.get_by_text(PASSED)).to_be_visible()


def test_two_tabs_authorize_at_the_same_time(page: Page, scene: Scene) -> None:
    scene.authorized("Two tabs")
    be(page, scene)
    other = page.context.new_page()
    for tab in (page, other):
        authorize_from_the_menu(tab, scene, "Two tabs")
        tab.wait_for_url(f"{scene.sandbox.url}/**")
    for tab in (page, other):
        answer_at_resource(tab, scene.sandbox)
        expect(tab.get_by_text(PASSED)).to_be_visible()


def test_an_answer_of_the_resource_counts_once(page: Page, scene: Scene) -> None:
    be(page, scene)
    callbacks: list[str] = []
    page.on("request", lambda request: callbacks.append(request.url) if "/oauth2/callback/" in request.url else None)
    added = scene.added("Answered once")
    authorize_here(page, scene, added)
    expect(page.get_by_text(PASSED)).to_be_visible()
    page.goto(callbacks[0])
    expect(page.get_by_role("heading", name="The authorization was not accepted")).to_be_visible()
    expect(page.get_by_text("This answer was already used.")).to_be_visible()
    page.get_by_role("link", name="Show the credential").click()
    expect(page.locator("#credential-status")).to_have_text("Active")
    assert scene.sandbox.stats(added.application.client_id).token_requests == {"authorization_code": 1}
