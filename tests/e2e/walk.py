"""What a person does, click by click. A surface is the dialog, or the page where the same forms stand without it."""

import re
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.scene import Scene
from tests.support.journeys import Added
from tests.support.sandbox_server import Application, Sandbox

Grant = Literal["Authorization Code", "Client Credentials"]

SCOPE = "read offline"
PASSED = "authorization passed successfully"


def be(page: Page, scene: Scene, who: str = "bob") -> None:
    """Whoever looks at the page is this person, at the product and at the resource, and was somebody else before."""
    page.context.clear_cookies()
    page.context.add_cookies([*scene.cookies(who), *scene.resource_cookies])


def sign_in(page: Page, scene: Scene, who: str = "bob") -> None:
    """The organization's credentials, as they open for somebody who has signed in before."""
    be(page, scene, who)
    page.goto(scene.url())


def sign_in_by_form(page: Page, scene: Scene, who: str = "bob") -> None:
    """From the front page to the organization; whoever has one organization lands in it."""
    enter_name_and_password(page, scene, who)
    page.wait_for_url(scene.url("credentials/"))


def enter_name_and_password(page: Page, scene: Scene, who: str) -> None:
    page.goto(f"{scene.product.url}/")
    page.get_by_label("Username").fill(who)
    page.get_by_label("Password").fill(scene.stage.password)
    page.get_by_role("button", name="Sign in").click()


def search_for(page: Page, name: str) -> None:
    """In the list, which is replaced a moment later; only its address tells a list of one from the one before."""
    page.get_by_label("Search").fill(name)
    page.wait_for_url(re.compile(r"[?&]q="))
    expect(page.locator("#result-count")).to_have_text("1 credential")


def select_the_organization(page: Page, scene: Scene) -> None:
    """Step 1 and 2 of every procedure of the specification: the organization's name, then *Credentials*, upper left."""
    page.goto(f"{scene.product.url}/")
    page.get_by_role("link", name=scene.organization, exact=True).click()
    credentials = page.get_by_role("link", name="Credentials", exact=True)
    assert corner(page, credentials) == "upper left"
    credentials.click()


def begin_a_procedure(page: Page, scene: Scene, name: str, kind: str, grant: str = "") -> Locator:
    """Step 1 to 4 of every procedure that adds a credential, word for word; the dialog."""
    select_the_organization(page, scene)
    assert corner(page, page.get_by_role("link", name="Add Credentials")) == "upper right"
    dialog = open_dialog(page)
    enter_kind(dialog, name, kind, grant)
    return dialog


def corner(page: Page, link: Locator) -> str:
    """Where on the page it stands."""
    box, view = link.bounding_box(), page.viewport_size
    assert box is not None
    assert view is not None
    across = "left" if box["x"] + box["width"] < view["width"] / 2 else "right"
    return f"{'upper' if box['y'] + box['height'] < view['height'] / 3 else 'lower'} {across}"


def open_dialog(page: Page) -> Locator:
    """Click *Add Credentials* and wait for the dialog."""
    page.get_by_role("link", name="Add Credentials").click()
    dialog = page.get_by_role("dialog", name="Add Credentials")
    expect(dialog).to_be_visible()
    return dialog


def enter_kind(surface: Locator, name: str, kind: str, grant: str = "") -> None:
    """The first step: Name, Authentication Type and, where the type has one, Grant Type."""
    surface.get_by_label("Name", exact=True).fill(name)
    surface.get_by_label("Authentication Type").select_option(label=kind)
    if grant:
        surface.get_by_label("Grant Type").select_option(label=grant)


def enter_basics(surface: Locator, name: str, grant: Grant) -> None:
    """The first step for OAuth 2.0."""
    enter_kind(surface, name, "OAuth 2.0", grant)


def press(surface: Locator, button: str) -> None:
    surface.get_by_role("button", name=button, exact=True).click()


def redirect_uri(surface: Locator) -> str:
    """The second step of Authorization Code shows it."""
    return surface.get_by_label("Redirect URI").input_value()


def enter_resource(surface: Locator, sandbox: Sandbox, application: Application, *, scope: str = SCOPE) -> None:
    """The last step: what the resource knows of the client. Auth URL is there for Authorization Code only."""
    surface.get_by_label("Client ID").fill(application.client_id)
    surface.get_by_label("Client Secret").fill(application.client_secret)
    surface.get_by_label("Scope").fill(scope)
    auth_url = surface.get_by_label("Auth URL")
    if auth_url.count():
        auth_url.fill(sandbox.authorization_url)
    surface.get_by_label("Token URL").fill(sandbox.token_url)


def sign_in_at_resource(page: Page, sandbox: Sandbox) -> None:
    """Sign in at the sandbox where it asks."""
    page.wait_for_url(f"{sandbox.url}/**")
    if page.get_by_label("Password").count():
        page.get_by_label("Username").fill(sandbox.username)
        page.get_by_label("Password").fill(sandbox.password)
        page.get_by_role("button", name="Sign in").click()


def answer_at_resource(page: Page, sandbox: Sandbox, *, allow: bool = True) -> None:
    """Sign in at the sandbox where it asks, and press Authorize or Cancel."""
    sign_in_at_resource(page, sandbox)
    page.get_by_role("button", name="Authorize" if allow else "Cancel").click()


def register_by_hand(browser: Browser, sandbox: Sandbox, name: str, redirect_uri: str) -> Application:
    """What the resource's administrator does on its pages, in a browser of their own."""
    profile = browser.new_context(ignore_https_errors=True)
    profile.set_default_timeout(10_000)
    page = profile.new_page()
    page.goto(f"{sandbox.url}/o/applications/register/")
    page.get_by_label("Username").fill(sandbox.username)
    page.get_by_label("Password").fill(sandbox.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label(re.compile("grant", re.IGNORECASE)).select_option("authorization-code")
    page.get_by_label(re.compile("redirect", re.IGNORECASE)).fill(redirect_uri)
    page.get_by_role("button", name="Register").click()
    application = Application(page.locator("#client-id").inner_text(), page.locator("#client-secret").inner_text())
    profile.close()
    return application


def authorize_here(page: Page, scene: Scene, added: Added, *, allow: bool = True) -> None:
    """From the page of a credential that is not authorized yet to the resource, and the answer there."""
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    press(page.get_by_role("main"), "Authorize")
    answer_at_resource(page, scene.sandbox, allow=allow)


def credential_id(page: Page) -> str:
    """The id in the address of a credential's page or of its authorization."""
    found = re.search(r"/credentials/([0-9a-f-]{36})/", page.url)
    assert found, page.url
    return found.group(1)


def scrolls_sideways(page: Page) -> bool:
    """Whether the page, or the dialog on it, is wider than what can be seen of it."""
    page.wait_for_load_state()  # between two pages there is nothing to measure
    return bool(
        page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('dialog[open]')]"
            ".some((element) => element.scrollWidth > element.clientWidth)"
        )
    )
