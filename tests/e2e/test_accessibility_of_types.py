"""axe finds nothing in the dialog and on the pages of the other types, of domains, and of what a consumer sees."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.axe import assert_accessible
from tests.e2e.entries import ACCOUNT, KINDS, entries, saved
from tests.e2e.scene import Scene
from tests.e2e.walk import enter_kind, open_dialog, press, sign_in
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("kind", KINDS)
def test_ux_21_the_dialog_and_the_pages_of_a_type_are_accessible(page: Page, scene: Scene, kind: str) -> None:
    entry = entries(scene)[kind]
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_kind(dialog, f"Axe {kind}", entry.label)
    press(dialog, "Next")
    expect(dialog.get_by_role("button", name="Save")).to_be_visible()
    assert_accessible(page)
    press(dialog, "Save")
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    credential = saved(scene, kind, f"Axe {kind}")
    for part in ("", "edit/"):
        page.goto(scene.url(f"credentials/{credential}/{part}"))
        assert_accessible(page)


def test_ux_21_what_a_keystore_holds_is_shown_accessibly(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_kind(dialog, "Axe looks inside", "Mutual Authentication")
    press(dialog, "Next")
    for label, content in (("Key Certificate", pkcs12_of(CLIENT)), ("Trust Certificate", TRUSTED.pem)):
        file = {"name": "upload", "mimeType": "application/octet-stream", "buffer": content}
        dialog.get_by_label(label, exact=True).set_input_files(file)  # type: ignore[arg-type]
    dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
    press(dialog, "Show what is inside")
    expect(dialog.get_by_text("CN=bot.example.com").first).to_be_visible()
    assert_accessible(page)


def test_ux_21_the_pages_of_domains_are_accessible(page: Page, scene: Scene) -> None:
    credential, alice = saved(scene, "third_party_nlu", "Axe engine"), scene.visitor("alice")
    added = alice.post(scene.url("domains/add/"), {"name": "Axe domain", "credential": credential})
    domain = urlsplit(alice.step(added)).path.rstrip("/").rpartition("/")[2]
    sign_in(page, scene, "alice")
    for part in ("", "add/", f"{domain}/", f"{domain}/edit/", f"{domain}/delete/"):
        page.goto(scene.url(f"domains/{part}"))
        assert_accessible(page)


def set_up_identity_provider(page: Page, scene: Scene) -> None:
    """Through the navigation, with every field by hand."""
    page.get_by_role("link", name="Identity provider").click()
    page.get_by_label("JWT issuer").fill(scene.sandbox.url)
    page.get_by_label("Issuer display name").fill("Axe sign-in")
    page.get_by_label("Authentication endpoint").fill(scene.sandbox.authorization_url)
    page.get_by_label("Token endpoint").fill(scene.sandbox.token_url)
    page.get_by_label("Client ID").fill("brand")
    page.get_by_label("Client Secret").fill("canary-client-secret")
    page.get_by_label("JWKS endpoint", exact=True).fill(f"{scene.sandbox.url}/o/.well-known/jwks.json")
    press(page.get_by_role("main"), "Save")
    expect(page.get_by_text("The identity provider was saved.")).to_be_visible()


def test_ux_21_the_identity_provider_and_what_a_consumer_sees_are_accessible(page: Page, scene: Scene) -> None:
    sign_in(page, scene, "alice")
    dialog = open_dialog(page)
    enter_kind(dialog, "Axe shoppers", "Consumer Pre-Authentication")
    press(dialog, "Save")
    expect(page.get_by_text("The account has no identity provider yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Identity provider", exact=True).click()
    assert_accessible(page)
    press(page.get_by_role("main"), "Save")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    set_up_identity_provider(page, scene)
    assert_accessible(page)

    credential = saved(scene, "consumer_authentication", "Axe consumers")
    asked = requests.post(
        f"{scene.product.url}/api/v1/credentials/{credential}/challenges",
        json={"conversation": "axe"},
        headers={"Authorization": f"Bearer {scene.stage.service_token}"},
        timeout=30,
    ).json()
    page.goto(asked["url"])
    assert_accessible(page)
    with page.expect_request(f"{scene.sandbox.url}/**") as gone:
        page.get_by_role("button", name="Continue").click()
    state = parse_qs(urlsplit(gone.value.url).query)["state"][0]
    page.goto(f"{scene.product.url}/callback/{ACCOUNT}/redirectedCode?state={state}&code=made-up")
    expect(page.get_by_text("Signing in did not work")).to_be_visible()
    assert_accessible(page)
    for status, says in (
        ("unconfirmed", "One last step"),
        ("succeeded", "You are signed in"),
        ("exchanging", "moment"),
    ):
        code = "from credentials.models import ConsumerChallenge as C;"
        code += (
            f"c = C.objects.get(pk='{asked['id']}'); c.status = '{status}'; c.seal('confirmation', '123456'); c.save()"
        )
        scene.shell(code)
        page.reload()
        expect(page.get_by_text(says).first).to_be_visible()
        assert_accessible(page)
    page.goto(asked["url"])
    expect(page.get_by_text("This link was already used.")).to_be_visible()
    assert_accessible(page)
