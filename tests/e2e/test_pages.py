"""What a person meets on the pages of a credential, of an integration and of a service token."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.scene import Scene
from tests.e2e.walk import PASSED, be, press, scrolls_sideways, search_for, select_the_organization

pytestmark = pytest.mark.chromium

TEN_MINUTES = 600_000
SMALLEST = 24


def test_ux_08_a_secret_is_configured_or_replaced_and_blank_keeps_it(page: Page, scene: Scene) -> None:
    added = scene.authorized("Keeps its secret", grant="client_credentials")
    be(page, scene)
    for replaced in ("", "canary-new-secret"):
        page.goto(scene.url(f"credentials/{added.credential_id}/edit/"))
        form = page.get_by_role("main")
        expect(form.get_by_text("configured")).to_be_visible()
        expect(form.get_by_label("Client Secret")).to_be_hidden()
        form.get_by_text("Replace").click()
        secret = form.get_by_label("Client Secret")
        expect(secret).to_have_value("")
        assert added.application.client_secret not in page.content()
        secret.fill(replaced)
        press(form, "Authorize")
        if replaced:
            expect(page.get_by_role("heading", name="The resource does not accept the client")).to_be_visible()
        else:
            expect(page.get_by_text(PASSED)).to_be_visible()
        assert "a new one" not in page.content()


def test_ux_09_a_new_service_token_is_shown_once_with_copy_and_is_gone_on_reload(page: Page, scene: Scene) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    be(page, scene, "alice")
    page.goto(scene.url("service-tokens/add/"))
    page.get_by_label("Name", exact=True).fill("Shown once")
    press(page.get_by_role("main"), "Create token")
    shown = page.locator("#shown-once")
    expect(shown).to_have_value(re.compile(r"^bat_\w{40,}"))
    token = shown.input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token
    assert_accessible(page)
    for look_again in (page.reload, lambda: page.goto(scene.url("service-tokens/")), page.go_back):
        look_again()
        page.wait_for_load_state()
        assert token not in page.content()


def test_ux_10_progress_is_live_may_be_closed_and_follows_without_javascript(
    page: Page, plain_page: Page, scene: Scene
) -> None:
    scene.stop_workers()
    try:
        watched, plain, closed = (
            scene.added(f"Waits for the worker, {how}", grant="client_credentials")
            for how in ("watched", "without scripts", "closed")
        )
        be(page, scene)
        be(plain_page, scene)
        page.goto(closed.go_to)
        for each, added in ((page, watched), (plain_page, plain)):
            each.goto(added.go_to)
            expect(each.get_by_role("heading", name="Authorizing")).to_be_visible()
        progress = page.get_by_role("status").filter(has=page.locator("#authorization"))
        expect(progress).to_contain_text("You can close it: the work goes on.")
        assert_accessible(page)
        page.evaluate("window.isTheSamePage = true")
    finally:
        scene.start_workers()
    expect(progress.get_by_role("heading", name="Authorized")).to_be_visible(timeout=10_000)
    assert page.evaluate("window.isTheSamePage")
    assert_accessible(page)
    expect(plain_page.get_by_role("heading", name="Authorized")).to_be_visible(timeout=10_000)
    page.goto(scene.url(f"credentials/{closed.credential_id}/"))
    expect(page.locator("#credential-status")).to_have_text("Active", timeout=10_000)


def test_ux_12_a_page_with_errors_says_so_in_its_title_and_at_each_field(page: Page, scene: Scene) -> None:
    added = scene.added("Wrong at two fields")
    be(page, scene)
    page.goto(scene.url(f"credentials/{added.credential_id}/edit/"))
    page.get_by_label("Token URL").fill("no address")
    page.get_by_label("Name", exact=True).fill("")
    press(page.get_by_role("main"), "Save")
    summary = page.get_by_role("alert", name="There is a problem")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error:"))
    assert_accessible(page)
    for label in ("Name", "Token URL"):
        field = page.get_by_label(label, exact=True)
        said = summary.get_by_role("link", name=label).inner_text().partition(": ")[2]
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(re.escape(said)))
        summary.get_by_role("link", name=label).click()
        expect(field).to_be_focused()


def test_procedure_delete_a_credential(page: Page, newcomer: Scene) -> None:
    scene, name = newcomer, "Not needed any more"
    scene.added(name)
    be(page, scene, "alice")
    select_the_organization(page, scene)
    search_for(page, name)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    row.hover()
    row.get_by_text("Actions for").locator("..").click()
    row.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name=name)
    dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(f"The credential “{name}” was deleted.")).to_be_visible()
    assert scene.credentials_named(name) == []


def test_ux_14_deleting_names_what_it_takes_and_refuses_while_something_uses_it(page: Page, scene: Scene) -> None:
    name = "In use for now"
    added = scene.added(name)
    integration = scene.add_integration(added.credential_id)
    be(page, scene, "alice")
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name=f"Delete “{name}”?")
    expect(dialog.get_by_text("It is in use")).to_be_visible()
    expect(dialog.get_by_role("button", name="Continue")).to_have_count(0)
    assert_accessible(page)
    dialog.get_by_role("link", name=f"Order status {added.credential_id[:8]}").click()
    page.wait_for_url(scene.url(f"integrations/{integration}/"))
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(scene.url("integrations/"))

    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    opener = page.get_by_role("link", name="Delete")
    opener.click()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    expect(dialog.get_by_role("button", name="Continue")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    assert scene.credentials_named(name) == [added.credential_id]


def test_ux_17_the_activity_tells_who_did_what_and_why_and_is_filtered(page: Page, scene: Scene) -> None:
    added = scene.authorized("Has a history", grant="client_credentials")
    scene.add_integration(added.credential_id)
    scene.visitor("bob").authorize(added.credential_id)
    be(page, scene)
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    timeline = page.locator("#activity")
    attached = timeline.get_by_role("listitem").filter(has_text="Attached to an API integration")
    expect(attached).to_contain_text("alice")
    expect(timeline.get_by_role("listitem").filter(has_text="Added")).to_contain_text("bob")
    page.get_by_label("Show", exact=True).select_option(label="Tokens")
    expect(timeline.get_by_text("Access token obtained").first).to_be_visible()
    expect(timeline.get_by_text("Attached to an API integration")).to_have_count(0)
    shown = page.url
    assert "activity=" in shown
    page.get_by_label("Show", exact=True).select_option(label="What failed")
    expect(timeline.get_by_text("Nothing of this kind has happened yet.")).to_be_visible()
    assert_accessible(page)
    page.go_back()
    expect(page).to_have_url(shown)
    expect(timeline.get_by_text("Access token obtained").first).to_be_visible()


def test_ux_18_a_test_request_shows_what_came_back_and_what_was_attached(page: Page, scene: Scene) -> None:
    added = scene.authorized("Tried out", grant="client_credentials")
    integration = scene.add_integration(added.credential_id)
    token = scene.token_of(added.credential_id)
    be(page, scene, "alice")
    page.goto(scene.url(f"integrations/{integration}/"))
    page.get_by_role("button", name="Send test request").click()
    result = page.get_by_role("status").filter(has=page.get_by_role("heading", name="Test request"))
    for label, said in (
        ("Status", "200"),
        ("Time taken", " ms in 1 attempt"),
        ("Attached", "Authorization: Bearer ••••"),
        ("Headers of the answer", "application/json"),
        ("Start of the body", "A-1001"),
    ):
        expect(result.locator("dl > div").filter(has_text=label).filter(has_text=said)).to_have_count(1)
    assert token not in page.content()
    assert_accessible(page)


def test_ux_19_messages_need_no_javascript_and_stay_until_the_next_page(
    page: Page, plain_page: Page, scene: Scene
) -> None:
    be(plain_page, scene)
    be(page, scene)
    for number, each in enumerate((page, plain_page)):
        added = scene.added(f"Saved, {number}")
        each.clock.install()
        each.goto(scene.url(f"credentials/{added.credential_id}/edit/"))
        form = each.get_by_role("main")
        form.get_by_label("Token URL").fill("no address")
        press(form, "Save")
        expect(each.get_by_role("alert")).to_contain_text("Token URL")
        each.clock.fast_forward(TEN_MINUTES)
        expect(each.get_by_role("alert")).to_contain_text("Token URL")
        form.get_by_label("Token URL").fill(scene.sandbox.token_url)
        press(form, "Save")
        said = each.locator(".messages").get_by_role("status")
        expect(said).to_be_visible()
        words = said.inner_text()
        each.clock.fast_forward(TEN_MINUTES)
        expect(said).to_have_text(words)
        each.reload()
        expect(each.locator(".messages")).to_have_count(0)


def test_ux_20_the_page_behind_the_dialog_is_inert(page: Page, scene: Scene) -> None:
    be(page, scene)
    page.goto(scene.url())
    place = page.get_by_role("link", name="Integrations", exact=True).bounding_box()
    assert place is not None
    page.get_by_role("link", name="Add Credentials").click()
    dialog = page.get_by_role("dialog", name="Add Credentials")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("dialog => dialog.matches('dialog:modal')")
    page.mouse.click(place["x"] + 5, place["y"] + 5)
    expect(dialog).to_be_visible()
    assert page.url == scene.url()
    # Not even a script can take the focus there.
    behind = page.get_by_role("link", name="Integrations", exact=True)
    assert not behind.evaluate("link => { link.focus(); return link === document.activeElement; }")
    page.keyboard.press("Escape")
    assert behind.evaluate("link => { link.focus(); return link === document.activeElement; }")


def test_ux_22_at_400_percent_nothing_scrolls_sideways_and_every_target_is_24_pixels(
    browser: Browser, scene: Scene
) -> None:
    """A window of 1280 x 1024 at 400 % has 320 x 256 CSS pixels, each drawn with four."""
    added = scene.authorized("Magnified", grant="client_credentials")
    integration = scene.add_integration(added.credential_id)
    context = browser.new_context(
        ignore_https_errors=True, viewport={"width": 320, "height": 256}, device_scale_factor=4
    )
    page = context.new_page()
    be(page, scene, "alice")
    found = {}
    for part in (
        "credentials/?q=Magnified",
        "credentials/add/",
        f"credentials/{added.credential_id}/",
        f"credentials/{added.credential_id}/edit/",
        f"credentials/{added.credential_id}/delete/",
        f"integrations/{integration}/",
        "integrations/add/",
        "activity/",
        "expiry/",
        "members/",
        "service-tokens/",
        "service-tokens/add/",
        "webhook/",
    ):
        page.goto(scene.url(part))
        assert not scrolls_sideways(page), part
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        found[part] = page.evaluate(TOO_SMALL, SMALLEST)
    context.close()
    assert {part: small for part, small in found.items() if small} == {}


# A link in the middle of a sentence is as high as its line (WCAG 2.2, 2.5.8: "inline"); a hidden one is no target.
TOO_SMALL = """smallest => [...document.querySelectorAll("a[href], button, summary, select, textarea, input")]
    .filter((each) => each.checkVisibility({visibilityProperty: true}) && each.type !== "hidden")
    .filter((each) => !each.matches(".skip-link:not(:focus), p a, dd a"))
    .map((each) => [each, (each.labels?.[0]?.contains(each) ? each.labels[0] : each).getBoundingClientRect()])
    .filter(([, box]) => box.width < smallest || box.height < smallest)
    .map(([each, box]) => `${each.outerHTML.slice(0, 120)}: ${box.width} x ${box.height}`)"""
