"""axe finds nothing on any page, light and dark, and the content security policy has nothing to say.

The fixture `page` fails a test whose console tells of a violation of the policy or of a script that failed.
"""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.scene import Scene
from tests.e2e.walk import be, enter_basics, enter_resource, open_dialog, press
from tests.support.sandbox_server import Application

pytestmark = pytest.mark.chromium

HOSTILE = '"><img src=x onerror=alert(1)> \u202eright to left\u202c ' + "\U0001f916" * 100


@dataclass(frozen=True)
class Furnished:
    """An organization in which there is one of everything; ids of what has a page of its own."""

    scene: Scene
    active: str
    failed: str
    integration: str


@pytest.fixture(scope="module")
def furnished(scene: Scene) -> Furnished:
    bob = scene.visitor("bob")
    active = bob.add_authorized(scene.sandbox, name="Orders, authorized").credential_id
    wrong = scene.sandbox.register_application("Wrong", grant="client-credentials")
    failed = bob.add(
        scene.sandbox,
        name="Orders, failed",
        grant="client_credentials",
        application=Application(wrong.client_id, "not the right one"),
    )
    bob.add(scene.sandbox, name="Orders, not yet authorized")
    bob.add(scene.sandbox, name=HOSTILE, grant="client_credentials", application=wrong)
    return Furnished(scene, active, failed.credential_id, scene.add_integration(active))


@pytest.fixture
def alice(page: Page, furnished: Furnished) -> Page:
    """A page where Alice, who may open everything, is signed in."""
    be(page, furnished.scene, "alice")
    return page


def test_ux_21_the_sign_in_is_accessible_also_with_an_error(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.product.url}/")
    assert_accessible(page)
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill("a wrong one")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Error: Sign in · Bot Accounts")
    assert_accessible(page)


def test_ux_21_the_list_and_its_menu_are_accessible(alice: Page, furnished: Furnished) -> None:
    alice.goto(furnished.scene.url("credentials/?q=Orders,"))
    assert_accessible(alice)
    alice.get_by_text("Actions for Orders, authorized").locator("..").click()
    assert_accessible(alice)


@pytest.mark.parametrize("in_dialog", [True, False], ids=["in the dialog", "on pages of its own"])
def test_ux_21_every_step_of_the_wizard_is_accessible_also_with_errors(
    alice: Page, furnished: Furnished, in_dialog: bool
) -> None:
    if in_dialog:
        alice.goto(furnished.scene.url())
        surface = open_dialog(alice)
    else:
        alice.goto(furnished.scene.url("credentials/add/"))
        surface = alice.get_by_role("main")
    assert_accessible(alice)
    press(surface, "Next")
    expect(surface.get_by_role("alert")).to_be_visible()
    assert_accessible(alice)
    enter_basics(surface, f"Axe {in_dialog}", "Authorization Code")
    press(surface, "Next")
    expect(surface.get_by_label("Redirect URI")).to_be_visible()
    assert_accessible(alice)
    press(surface, "Next")
    surface.get_by_text("Advanced").click()
    assert_accessible(alice)
    press(surface, "Authorize")
    expect(surface.get_by_role("alert")).to_be_visible()
    assert_accessible(alice)
    enter_resource(surface, furnished.scene.sandbox, Application("a-client", "canary-client-secret"))
    press(surface, "Back")
    press(surface, "Next")
    expect(surface.get_by_text("configured")).to_be_visible()
    assert_accessible(alice)


def test_ux_21_the_pages_of_a_credential_are_accessible(alice: Page, furnished: Furnished) -> None:
    for credential in (furnished.active, furnished.failed):
        for part in ("", "edit/", "delete/"):
            alice.goto(furnished.scene.url(f"credentials/{credential}/{part}"))
            assert_accessible(alice)


def test_ux_21_an_authorization_that_failed_is_accessible(alice: Page, furnished: Furnished) -> None:
    alice.goto(furnished.scene.url(f"credentials/{furnished.failed}/"))
    press(alice.locator("#credential-problem"), "Authorize")
    expect(alice.get_by_text("What you entered is kept.")).to_be_visible()
    assert_accessible(alice)


def test_ux_21_the_question_about_another_account_is_accessible(alice: Page, furnished: Furnished) -> None:
    found = f"Authorization.objects.filter(credential_id='{furnished.active}')"
    code = "from credentials.models import Authorization;"
    asking = furnished.scene.shell(
        f"{code} {found}.update(status='asking', account_subject='2', account_name='robin@example.com',"
        f" granted_scope='read profile'); print({found}.get().pk)"
    )
    try:
        alice.goto(furnished.scene.url(f"credentials/{furnished.active}/authorizations/{asking}/"))
        expect(alice.get_by_role("button", name="Keep the former one")).to_be_visible()
        assert_accessible(alice)
        alice.goto(furnished.scene.url(f"credentials/{furnished.active}/"))
        expect(alice.get_by_role("heading", name="Which account is right?")).to_be_visible()
        assert_accessible(alice)
    finally:
        furnished.scene.shell(f"{code} {found}.update(status='succeeded')")


def test_ux_21_the_documentation_of_the_api_is_accessible(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.product.url}/api/v1/docs")
    assert_accessible(page)


def test_ux_21_an_answer_that_was_not_accepted_is_accessible(alice: Page, furnished: Furnished) -> None:
    alice.goto(f"{furnished.scene.product.url}/oauth2/callback/{furnished.active}/?state=unknown&code=none")
    expect(alice.get_by_role("heading", name="The authorization was not accepted")).to_be_visible()
    assert_accessible(alice)


def test_ux_21_the_pages_of_integrations_are_accessible(alice: Page, furnished: Furnished) -> None:
    integration = f"integrations/{furnished.integration}/"
    for part in ("integrations/", "integrations/add/", integration, f"{integration}edit/", f"{integration}delete/"):
        alice.goto(furnished.scene.url(part))
        assert_accessible(alice)


def test_ux_21_the_pages_of_the_organization_are_accessible(alice: Page, furnished: Furnished) -> None:
    for part in (
        "activity/",
        "bots/",
        "bots/add/",
        f"bots/{furnished.scene.stage.bot_id}/edit/",
        f"bots/{furnished.scene.stage.bot_id}/remove/",
        "expiry/",
        "members/",
        "members/add/",
        "members/invite/",
        "notices/",
        "service-tokens/",
        "service-tokens/add/",
        "webhook/",
    ):
        alice.goto(furnished.scene.url(part))
        assert_accessible(alice)
    for part, actions in (("members/", ("Change role", "Remove")), ("service-tokens/", ("Webhook", "Revoke"))):
        for action in actions:
            alice.goto(furnished.scene.url(part))
            address = alice.locator("tr a").filter(has_text=action).first.get_attribute("href")
            alice.goto(f"{furnished.scene.product.url}{address}")
            assert_accessible(alice)


def test_ux_21_a_webhook_its_secret_and_its_log_are_accessible(alice: Page, furnished: Furnished) -> None:
    page = furnished.scene.url("webhook/")
    alice.goto(page)
    for address in ("no address", "https://hooks.invalid/bots"):
        alice.get_by_label("URL").fill(address)
        press(alice.get_by_role("main"), "Save")
        expect(alice.get_by_text("There is a problem").or_(alice.get_by_label("Secret"))).to_be_visible()
        assert_accessible(alice)
    alice.get_by_role("link", name="Done").click()
    alice.get_by_role("button", name="Send test event").click()
    expect(alice.get_by_text("webhook.test")).to_be_visible()
    expect(alice.get_by_text("it could not be reached")).to_be_visible()
    assert_accessible(alice)


def test_ux_21_what_ends_when_is_accessible_as_a_picture_too(alice: Page, furnished: Furnished) -> None:
    furnished.scene.shell(
        "from datetime import timedelta\nfrom django.utils import timezone\nfrom credentials.models import *\n"
        f"credential = Credential.objects.get(pk='{furnished.active}')\n"
        "for days in (-1, 3, 20, 200, 900):\n"
        "    Ending.objects.create(organization_id=credential.organization_id, credential=credential,\n"
        "        what=f'Certificate {days}', mend='edit', ends_at=timezone.now() + timedelta(days=days))"
    )
    alice.goto(furnished.scene.url("expiry/"))
    expect(alice.get_by_role("img", name="How much ends when")).to_be_visible()
    assert_accessible(alice)


def test_ux_21_the_list_of_organizations_and_the_error_pages_are_accessible(alice: Page, furnished: Furnished) -> None:
    for path in ("organizations/", "no/such/page/"):
        alice.goto(f"{furnished.scene.product.url}/{path}")
        assert_accessible(alice)


def test_a_hostile_name_is_inert_everywhere(alice: Page, furnished: Furnished) -> None:
    """Promise 37: it is shown as it was typed, runs nothing, and breaks no layout."""
    alice.goto(furnished.scene.url("credentials/?q=right"))
    link = alice.get_by_role("link", name="right to left")
    expect(link).to_contain_text("<img src=x onerror=alert(1)>")
    assert_accessible(alice)
    link.click()
    assert_accessible(alice)
    for action in ("Edit", "Delete"):
        address = alice.get_by_role("link", name=action).get_attribute("href")
        assert address
        alice.goto(f"{furnished.scene.product.url}{address}")
        assert_accessible(alice)
        alice.go_back()
    alice.goto(furnished.scene.url("activity/"))
    expect(alice.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert_accessible(alice)


@pytest.mark.parametrize("fault", ["picture", "contrast in the dark", "sideways"])
def test_these_tests_find_what_is_wrong(page: Page, scene: Scene, fault: str) -> None:
    page.goto(f"{scene.product.url}/")
    page.evaluate(
        """fault => {
            const extra = document.createElement(fault === "picture" ? "img" : "p");
            extra.textContent = "hard to read";
            if (fault === "contrast in the dark") extra.style.color = "#333";
            if (fault === "sideways") extra.style.width = "600px";
            document.querySelector("main").append(extra);
        }""",
        fault,
    )
    with pytest.raises(AssertionError, match={"picture": "image-alt", "sideways": "sideways"}.get(fault, "contrast")):
        assert_accessible(page)
