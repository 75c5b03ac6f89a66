"""The list of credentials, in an organization of Charlie's that has a hundred thousand of them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.scene import Scene, another
from tests.e2e.walk import be

pytestmark = pytest.mark.chromium

MANY = 100_000
KILOBYTES = 200


@pytest.fixture(scope="module")
def many(scene: Scene) -> Iterator[Scene]:
    """Alice's organization of very many; one of each status is called by it."""
    there = another(scene, "Parcels", number="55500400")
    there.shell(f"from tests.support.crowd import crowd; crowd('{there.stage.organization_id}', {MANY})")
    yield there
    there.shell(f"from tests.support.crowd import disperse; disperse('{there.stage.organization_id}')")


@pytest.fixture
def alice(page: Page, many: Scene) -> Page:
    be(page, many, "alice")
    return page


def names(page: Page) -> list[str]:
    """What the list shows, from top to bottom."""
    return page.locator("#results tbody .cell-name").all_inner_texts()


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_ux_01_search_filters_order_and_page_survive_reload_back_and_a_shared_link(
    alice: Page, browser: Browser, many: Scene
) -> None:
    alice.goto(many.url())
    expect(alice.locator("#result-count")).to_have_text("More than 1,000 credentials")
    alice.get_by_label("Search").fill("parcel 0999")
    expect(alice.locator("#result-count")).to_have_text("95 credentials")
    alice.get_by_label("Status").select_option(label="Active")
    alice.get_by_label("Type").select_option(label="OAuth 2.0")
    alice.get_by_label("Sort by").select_option(label="Name, Z to A")
    expect(alice.locator("#results tbody .cell-name").first).to_have_text("Parcel 099994")
    alice.get_by_role("link", name="Next page").click()
    expect(alice.locator("#results tbody .cell-name").first).to_have_text("Parcel 099969")
    address, shown = alice.url, names(alice)
    assert len(shown) == 25

    alice.reload()
    assert names(alice) == shown
    alice.get_by_role("link", name=shown[3], exact=True).click()
    expect(alice.get_by_role("heading", name=shown[3])).to_be_visible()
    alice.go_back()
    expect(alice.locator("#results tbody .cell-name").first).to_have_text(shown[0])
    assert names(alice) == shown
    elsewhere = browser.new_context(ignore_https_errors=True)
    shared = elsewhere.new_page()
    be(shared, many, "alice")
    shared.goto(address)
    assert names(shared) == shown
    for label, said in (("Search", "parcel 0999"), ("Status", "active"), ("Type", "oauth2"), ("Sort by", "-name")):
        expect(shared.get_by_label(label)).to_have_value(said)
    elsewhere.close()
    # Back through the changes of the filters, one after another.
    alice.go_back()
    expect(alice.locator("#results tbody .cell-name").first).to_have_text("Parcel 099994")
    alice.go_back()
    expect(alice.get_by_label("Sort by")).to_have_value("name")


def test_ux_01_a_first_visit_to_a_hundred_thousand_costs_less_than_200_kilobytes(page: Page, many: Scene) -> None:
    """Everything that the list loads into an empty cache, as it comes over the wire."""
    be(page, many, "alice")
    watch = page.context.new_cdp_session(page)
    watch.send("Network.enable")
    received: list[float] = []
    watch.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(many.url())
    page.wait_for_load_state("networkidle")
    assert len(names(page)) == 25
    assert len(received) > 5
    assert 10_000 < sum(received) < KILOBYTES * 1000


def test_ux_02_a_status_is_an_icon_a_word_and_a_reason_that_greyscale_keeps_apart(alice: Page, many: Scene) -> None:
    icons, words = set(), set()
    for name, word, reason in (
        ("Active", "Active", ""),
        ("Expiring", "Expiring", "end"),
        ("Not yet authorized", "Needs authorization", "it has not been authorized yet"),
        ("Needs authorization", "Needs authorization", "the resource says that the grant was revoked, "),
        ("Authorizing", "Authorizing", ""),
        ("Failed", "Failed", "the resource says that the grant was revoked, "),
    ):
        alice.goto(many.url(f"credentials/?q={name}"))
        cell = row_of(alice, name).locator(".cell-status")
        badge = cell.locator("[class*=status-]")
        expect(badge).to_have_text(word)
        if reason:
            expect(cell.locator(".second-line")).to_contain_text(reason)
        icons.add(badge.locator("use").get_attribute("href"))
        words.add(word)
    # What a colour tells, an icon tells as well: also the two that share their word.
    assert (len(icons), len(words)) == (6, 5)
    alice.goto(many.url("credentials/?status=failed"))
    alice.evaluate("document.documentElement.style.filter = 'grayscale(1)'")
    expect(row_of(alice, "Failed").locator(".cell-status")).to_contain_text("Failed")
    assert_accessible(alice)


def test_ux_04_last_use_expiry_and_number_of_users_stand_in_the_list(alice: Page, many: Scene) -> None:
    alice.goto(many.url("credentials/?q=active&sort=used"))
    used = row_of(alice, "Active").get_by_role("cell").filter(has_text="ago").locator("time")
    expect(used).to_have_text("3 hours ago")
    expect(used).to_have_attribute("title", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
    expect(row_of(alice, "Active")).to_contain_text("renews itself")
    expect(row_of(alice, "Active")).to_contain_text("1 integration")
    alice.goto(many.url("credentials/?q=parcel+000001"))
    expect(row_of(alice, "Parcel 000001")).to_contain_text("never")
    alice.goto(many.url("credentials/?q=expiring"))
    expect(row_of(alice, "Expiring")).to_contain_text("in 2 days")


def test_ux_03_saved_but_not_authorized_is_no_error_and_has_its_button(alice: Page, scene: Scene, many: Scene) -> None:
    """Whether nobody went to the resource yet, or somebody did and has not answered there."""
    page, added = alice, scene.added("Saved for later")
    page.goto(many.url("credentials/?q=not+yet+authorized"))
    page.get_by_role("link", name="Not yet authorized").click()
    state = page.locator("#credential-problem")
    expect(state.get_by_role("heading", name="Not authorized yet")).to_be_visible()
    expect(state.get_by_role("button", name="Authorize")).to_be_visible()
    assert_no_error(page)
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    expect(page.locator("#credential-status")).to_have_text("Authorizing")
    assert_no_error(page)
    page.get_by_role("main").get_by_role("button", name="Authorize").click()
    page.wait_for_url(f"{scene.sandbox.url}/**")


def assert_no_error(page: Page) -> None:
    expect(page.get_by_role("alert")).to_have_count(0)
    for wrong in (".notice-bad", ".notice-warn", ".status-bad", ".status-warn"):
        expect(page.locator(wrong).locator("visible=true")).to_have_count(0)


def test_ux_15_nothing_yet_and_nothing_matches_are_two_different_lists(page: Page, scene: Scene, many: Scene) -> None:
    nothing = another(scene, "Nothing yet", number="55500500")
    be(page, nothing, "alice")
    page.goto(nothing.url())
    expect(page.get_by_role("heading", name="No credentials yet")).to_be_visible()
    expect(page.get_by_role("link", name="Add Credentials")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_count(0)
    assert_accessible(page)
    for part in ("integrations", "bots", "service-tokens"):
        page.goto(nothing.url(f"{part}/"))
        assert_accessible(page)

    page.goto(many.url("credentials/?q=nothing+is+called+this&type=oauth2"))
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("#result-count")).to_have_text("More than 1,000 credentials")
    assert page.url == many.url()
