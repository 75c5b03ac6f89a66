"""The pictures of the README, taken of the running product: `make screenshots`. Not collected with the tests."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.e2e.scene import set_up
from tests.e2e.walk import enter_basics, open_dialog, press, sign_in
from tests.support.product import Factory
from tests.support.sandbox_server import Application, Sandbox

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
VIEW = {"width": 1120, "height": 640}
TALL = {"width": 1120, "height": 900}


def test_take_the_pictures(product_factory: Factory, start_sandbox: Callable[..., Sandbox], browser: Browser) -> None:
    """An organization with credentials in every state, seen by Bob and by Dana, who may send a test request."""
    scene = set_up(product_factory, start_sandbox(access_token_seconds=300))
    bob = scene.visitor("bob")
    crm = bob.add_authorized(scene.sandbox, name="Customer records")
    orders = bob.add_authorized(scene.sandbox, name="Order service", grant="client_credentials")
    bob.add(scene.sandbox, name="Ticket desk")
    wrong = bob.add(
        scene.sandbox,
        name="Warehouse",
        grant="client_credentials",
        application=Application("warehouse", "canary-not-the-secret"),
    )
    for added in (crm, orders):
        integration = scene.add_integration(added.credential_id)
        assert scene.call(integration).json()["success"]

    context = browser.new_context(ignore_https_errors=True, viewport=VIEW)
    page = context.new_page()
    page.goto(wrong.go_to)
    page.wait_for_load_state()
    sign_in(page, scene)
    expect(page.locator("#results").get_by_text("Failed")).to_be_visible()
    take(page, "list")
    dialog = open_dialog(page)
    enter_basics(dialog, "Loyalty programme", "Authorization Code")
    press(dialog, "Next")
    press(dialog, "Next")
    dialog.get_by_label("Client ID").fill("3MVG9-loyalty")
    take(page, "dialog")
    page.set_viewport_size(TALL)
    page.goto(scene.url(f"credentials/{crm.credential_id}/"))
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    take(page, "credential")
    context.close()

    context = browser.new_context(viewport=TALL, color_scheme="dark")
    page = context.new_page()
    sign_in(page, scene, "dana")
    page.goto(scene.url(f"integrations/{integration}/"))
    page.get_by_role("button", name="Send test request").click()
    expect(page.get_by_text("Authorization: Bearer ••••")).to_be_visible()
    take(page, "test-request")
    context.close()


def take(page: Page, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png", scale="css")
