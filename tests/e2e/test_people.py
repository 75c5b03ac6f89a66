"""Staff set up a second factor, and somebody who is invited sets a password: in a browser, each page accessible."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.scene import Scene
from tests.e2e.walk import sign_in
from tests.support.second_factor import code_of

pytestmark = pytest.mark.chromium

_ROOT = "from tests.support.people import person; root = person('root'); "
_ROOT += "root.is_staff = root.is_superuser = True; root.save()"
_LINK = "from organizations import invitations; from django.contrib.auth.models import User; "
_LINK += "print(invitations.link_for(User.objects.get(email='eve@example.com')))"


def test_staff_enrol_with_what_the_page_shows_and_reach_the_administration(page: Page, scene: Scene) -> None:
    scene.shell(_ROOT)
    page.goto(f"{scene.product.url}/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(scene.stage.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Begin").click()
    picture = page.get_by_role("img", name="QR code of the key below")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert_accessible(page)
    secret = page.locator("code").inner_text()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_title("Error: Second factor · Bot Accounts")
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert_accessible(page)
    codes = page.locator("#recovery-codes li").all_inner_texts()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    page.get_by_role("link", name="Second factor", exact=True).click()
    expect(page.get_by_text("10 recovery codes are left")).to_be_visible()
    assert_accessible(page)

    page.context.clear_cookies()
    page.goto(f"{scene.product.url}/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(scene.stage.password)
    page.get_by_role("button", name="Log in").click()
    assert_accessible(page)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()


def test_somebody_who_is_invited_sets_a_password_and_changes_it(page: Page, scene: Scene) -> None:
    sign_in(page, scene, "alice")
    page.goto(scene.url("members/"))
    page.get_by_role("link", name="Invite by e-mail").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail address").fill("eve@example.com")
    dialog.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("eve@example.com is invited.")).to_be_visible()
    assert_accessible(page)

    page.context.clear_cookies()
    page.goto(scene.shell(_LINK))
    expect(page.get_by_role("heading", name="Set your password")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("New password", exact=True).fill("canary of a long password")
    page.get_by_label("New password confirmation").fill("canary of a long password")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("heading", name="Credentials", exact=True)).to_be_visible()
    page.get_by_role("link", name="change your password").click()
    assert_accessible(page)
    page.get_by_label("Old password").fill("canary of a long password")
    page.get_by_label("New password", exact=True).fill("canary of another password")
    page.get_by_label("New password confirmation").fill("canary of another password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()


def test_the_activity_filters_by_date_and_is_downloaded(page: Page, scene: Scene) -> None:
    sign_in(page, scene, "bob")
    page.goto(scene.url("activity/"))
    assert_accessible(page)
    page.get_by_label("To", exact=True).fill("2020-01-01")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
