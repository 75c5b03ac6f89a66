"""The types that nobody authorizes: from the dialog to what a resource, or an NLU engine's provider, accepts."""

import json
from base64 import b64encode

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.e2e.entries import saved
from tests.e2e.scene import Scene
from tests.e2e.walk import be, begin_a_procedure, press, sign_in
from tests.support.lying_server import Answer, LyingServer, Recorded, json_answer
from tests.support.nlu import PROJECT, google_json, google_token_endpoint, service_account_key

pytestmark = pytest.mark.chromium


def save(page: Page, scene: Scene, name: str, dialog: Locator) -> str:
    press(dialog, "Save")
    page.wait_for_url(scene.url())
    expect(page.get_by_text(f"The credential “{name}” was saved.")).to_be_visible()
    (found,) = scene.credentials_named(name)
    return found


def walk_through(page: Page, scene: Scene, kind: str, fields: dict[str, str], *, name: str = "") -> str:
    """The procedure of a type whose second step is its last; the credential's id."""
    be(page, scene, "alice")
    dialog = begin_a_procedure(page, scene, name or kind, kind)
    press(dialog, "Next")
    expect(dialog.get_by_role("button", name="Save")).to_be_visible()
    labels = [label for label in dialog.locator(".form-label").all_inner_texts() if label]
    assert labels[: len(fields)] == list(fields)
    for field, value in fields.items():
        dialog.get_by_label(field, exact=True).fill(value)
    return save(page, scene, name or kind, dialog)


def assert_a_bots_call_is_accepted(scene: Scene, resource: LyingServer, credential: str, authorization: str) -> None:
    """The resource takes a call with exactly this header."""

    def guarded(request: Recorded) -> Answer:
        accepted = request.headers.get("authorization") == authorization
        return json_answer({"order": "A-1001"}) if accepted else Answer(status=401)

    resource.on(f"/{credential}", guarded)
    called = scene.call(scene.add_integration(credential, resource.url(f"/{credential}"))).json()
    assert (called["success"], json.loads(called["body"])) == (True, {"order": "A-1001"})


def test_procedure_add_a_basic_authentication_credential(page: Page, newcomer: Scene, resource: LyingServer) -> None:
    fields = {"User Name": "bot-ü", "User Password": "canary:pässword"}
    credential = walk_through(page, newcomer, "Basic Authentication", fields)
    authorization = "Basic " + b64encode("bot-ü:canary:pässword".encode()).decode()
    assert_a_bots_call_is_accepted(newcomer, resource, credential, authorization)


def test_procedure_add_an_access_token_credential(page: Page, newcomer: Scene, resource: LyingServer) -> None:
    fields = {"Access Token": "canary-token", "Token Type": "Bearer"}
    credential = walk_through(page, newcomer, "Access Token", fields)
    assert_a_bots_call_is_accepted(newcomer, resource, credential, "Bearer canary-token")
    page.get_by_role("link", name="Access Token", exact=True).click()
    expect(page.get_by_role("heading", name="Access Token")).to_be_visible()
    expect(page.locator("#credential-status")).to_contain_text("Active")
    assert "canary" not in page.content()


def test_a_token_type_that_nobody_offers_is_sent_as_it_was_typed(scene: Scene, resource: LyingServer) -> None:
    credential = saved(scene, "access_token", "Free type", access_token="canary-token", token_type="ApiKey")
    assert_a_bots_call_is_accepted(scene, resource, credential, "ApiKey canary-token")


def test_procedure_add_a_third_party_nlu_credential(page: Page, newcomer: Scene, resource: LyingServer) -> None:
    """From the service account that a provider hands out to the token that an engine trains Dana's domain with."""
    scene = newcomer
    resource.on("/google/token", google_token_endpoint(service_account_key(), resource.url("/google/token")))
    be(page, scene, "alice")
    dialog = begin_a_procedure(page, scene, "Travel agent", "Third-party NLU")
    press(dialog, "Next")
    dialog.get_by_label("NLU Provider").select_option(label="Google Dialogflow")
    document = google_json(token_uri=resource.url("/google/token"))
    dialog.get_by_label("Credentials", exact=True).fill(document)
    credential = save(page, scene, "Travel agent", dialog)

    page.goto(scene.url(f"credentials/{credential}/"))
    expect(page.get_by_text(PROJECT, exact=True)).to_be_visible()
    assert "PRIVATE KEY" not in page.content()
    # What is for domains is not offered to an integration, and the other way round.
    other = scene.visitor("bob").add(scene.sandbox, name="For integrations", grant="client_credentials")
    sign_in(page, scene, "dana")
    page.goto(scene.url("integrations/add/"))
    assert credential not in page.get_by_label("Credential", exact=True).inner_html()
    page.get_by_role("link", name="Domains").click()
    page.get_by_role("link", name="Add domain").click()
    page.get_by_label("Name", exact=True).fill("Trips")
    choice = page.get_by_label("Credential", exact=True)
    assert other.credential_id not in choice.inner_html()
    choice.select_option(value=credential)
    press(page.get_by_role("main"), "Add domain")
    expect(page.get_by_role("heading", name="Trips")).to_be_visible()

    domain = page.url.rstrip("/").rpartition("/")[2]
    answer = requests.post(
        f"{scene.product.url}/api/v1/domains/{domain}/credentials",
        headers={"Authorization": f"Bearer {scene.stage.service_token}"},
        timeout=30,
    )
    engine = answer.json()
    assert (engine["access_token"], engine["project_id"]) == ("ya29.canary-1", PROJECT)
    assert "PRIVATE KEY" not in answer.text
