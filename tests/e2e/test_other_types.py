"""The types that nobody authorizes: from the dialog to what a resource, or an NLU engine's provider, accepts."""

import json
from base64 import b64encode

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import open_dialog, press, sign_in
from tests.support.lying_server import Answer, LyingServer, Recorded, json_answer
from tests.support.nlu import PROJECT, google_json, google_token_endpoint, service_account_key

pytestmark = pytest.mark.chromium


def add(page: Page, scene: Scene, name: str, label: str, fields: dict[str, str]) -> str:
    """Walk the dialog up to *Save*; the credential's id."""
    dialog = begin(page, scene, name, label)
    for field, value in fields.items():
        dialog.get_by_label(field, exact=True).fill(value)
    return save(page, scene, name, dialog)


def begin(page: Page, scene: Scene, name: str, label: str) -> Locator:
    sign_in(page, scene)
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Authentication Type").select_option(label=label)
    press(dialog, "Next")
    return dialog


def save(page: Page, scene: Scene, name: str, dialog: Locator) -> str:
    press(dialog, "Save")
    page.wait_for_url(scene.url())
    expect(page.get_by_text(f"The credential “{name}” was saved.")).to_be_visible()
    (found,) = scene.credentials_named(name)
    return found


@pytest.mark.parametrize(
    ("label", "fields", "authorization"),
    [
        (
            "Basic Authentication",
            {"User Name": "bot-ü", "User Password": "canary:pässword"},
            "Basic " + b64encode("bot-ü:canary:pässword".encode()).decode(),
        ),
        ("Access Token", {"Access Token": "canary-token", "Token Type": "Bearer"}, "Bearer canary-token"),
        ("Access Token", {"Access Token": "canary-token", "Token Type": "ApiKey"}, "ApiKey canary-token"),
    ],
    ids=["Basic Authentication", "Access Token, offered type", "Access Token, free type"],
)
def test_bob_saves_it_and_a_bots_call_is_accepted(
    page: Page, scene: Scene, resource: LyingServer, label: str, fields: dict[str, str], authorization: str
) -> None:
    def guarded(request: Recorded) -> Answer:
        accepted = request.headers.get("authorization") == authorization
        return json_answer({"order": "A-1001"}) if accepted else Answer(status=401)

    resource.on("/guarded", guarded)
    name = f"{label} {fields.get('Token Type', '')}".strip()
    credential = add(page, scene, name, label, fields)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("#credential-status")).to_contain_text("Active")
    assert "canary" not in page.content()
    called = scene.call(scene.add_integration(credential, resource.url("/guarded"))).json()
    assert (called["success"], json.loads(called["body"])) == (True, {"order": "A-1001"})


def test_bob_uploads_a_service_account_and_danas_domain_is_trained_with_a_token_of_it(
    page: Page, scene: Scene, resource: LyingServer
) -> None:
    resource.on("/google/token", google_token_endpoint(service_account_key(), resource.url("/google/token")))
    dialog = begin(page, scene, "Travel agent", "Third-party NLU")
    dialog.get_by_label("NLU Provider").select_option(label="Google Dialogflow")
    document = google_json(token_uri=resource.url("/google/token"))
    dialog.get_by_label("Credentials as a file").set_input_files(
        {"name": "key.json", "mimeType": "application/json", "buffer": document.encode()}
    )
    credential = save(page, scene, "Travel agent", dialog)

    page.goto(scene.url(f"credentials/{credential}/"))
    expect(page.get_by_text(PROJECT, exact=True)).to_be_visible()
    assert "PRIVATE KEY" not in page.content()
    # What is for domains is not offered to an integration, and the other way round.
    other = scene.visitor("bob").add(scene.sandbox, name="For integrations", grant="client_credentials")
    page.get_by_role("button", name="Sign out").click()
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
    assert (engine["access_token"], engine["project_id"]) == ("ya29.1", PROJECT)
    assert "PRIVATE KEY" not in answer.text
