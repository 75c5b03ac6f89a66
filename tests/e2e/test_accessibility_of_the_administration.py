"""axe finds nothing on any page of the administration: every list, every form, every row that is only shown."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.scene import Scene, another

pytestmark = pytest.mark.chromium

APPS = ("auth", "axes", "credentials", "organizations", "staff")
_FURNISH = """
from django.contrib.auth.models import Group, User
from organizations.models import Organization
from tests.security.test_tenants import furnish
furnish(Organization.objects.select_related("account").get(pk="{}"), User.objects.get(username="alice"))
Group.objects.create(name="Support desk")
"""


@pytest.fixture(scope="module")
def furnished(scene: Scene) -> Scene:
    """One of everything that an organization can have."""
    organization = another(scene, "Seen by staff", number="55501100").stage.organization_id
    scene.shell(_FURNISH.format(organization))
    return scene


def links(page: Page, selector: str, start: str) -> list[str]:
    """Where these links lead, below `start`, each once."""
    found = page.locator(selector).evaluate_all("all => all.map((each) => each.getAttribute('href'))")
    return [address for address in dict.fromkeys(found) if address.startswith(start)]


def walk_model(page: Page, url: str, address: str, seen: set[str]) -> None:
    """Its list, the form that adds, its first row, and what can be opened from there.

    `seen`: pages that are alike for every model (a row's history, its deletion) are looked at once.
    """
    waiting, walked = [address], []
    while waiting:
        here = waiting.pop(0)
        page.goto(url + here)
        assert_accessible(page)
        walked.append(here)
        found = links(page, "a.addlink", address) + links(page, "#result_list th a", address)[:1]
        for each in links(page, "a.historylink, a.deletelink, a[href$='password/']", address):
            if (alike := each.rstrip("/").rpartition("/")[2]) not in seen:
                seen.add(alike)
                found.append(each)
        waiting += [each for each in found if each not in (*walked, *waiting)]


@pytest.mark.parametrize("app", APPS)
def test_ux_21_every_page_of_the_administration_is_accessible(ruth: Page, furnished: Scene, app: str) -> None:
    ruth.goto(f"{furnished.product.url}/admin/")
    models = links(ruth, "#content-main th a", f"/admin/{app}/")
    assert models, "there is nothing to walk"
    seen: set[str] = set()
    for model in models:
        walk_model(ruth, furnished.product.url, model, seen)


def test_ux_21_the_administrations_own_pages_are_accessible(ruth: Page, scene: Scene) -> None:
    for part in ("", "credentials/", "second-factor/", "password_change/"):
        ruth.goto(f"{scene.product.url}/admin/{part}")
        assert_accessible(ruth)


def test_ux_21_a_field_that_searches_as_one_types_is_accessible_when_it_is_open(ruth: Page, scene: Scene) -> None:
    ruth.goto(f"{scene.product.url}/admin/organizations/bot/add/")
    ruth.get_by_role("combobox", name="Organization").click()
    expect(ruth.get_by_role("option", name="Support bots")).to_be_visible()
    assert_accessible(ruth)
    ruth.get_by_role("searchbox", name="Organization").fill("Support")
    ruth.get_by_role("option", name="Support bots").click()
    expect(ruth.get_by_role("combobox", name="Organization")).to_contain_text("Support bots")
