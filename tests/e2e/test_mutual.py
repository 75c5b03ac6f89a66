"""Uploading a keystore in the dialog."""

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import open_dialog, press, scrolls_sideways, sign_in
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of

pytestmark = pytest.mark.chromium


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_bob_uploads_a_keystore_reads_what_is_inside_and_saves(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    dialog.get_by_label("Name", exact=True).fill("Partner")
    dialog.get_by_label("Authentication Type").select_option(label="Mutual Authentication")
    press(dialog, "Next")
    dialog.get_by_label("Key Certificate", exact=True).set_input_files(file("keys.jks", pkcs12_of(CLIENT)))
    dialog.get_by_label("Trust Certificate", exact=True).set_input_files(file("ca.pem", TRUSTED.pem))
    dialog.get_by_label("Key Certificate Password").fill("mistyped")
    press(dialog, "Next")
    # Once in the summary and once beside the field.
    expect(dialog.get_by_text("The password does not open this file.").first).to_be_visible()

    # The file is still there.
    dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
    dialog.get_by_label("TLS 1.2").check()
    press(dialog, "Next")
    for text in ("CN=bot.example.com", "CN=Intermediate", "CN=Partner CA", "TLS 1.2"):
        expect(dialog.get_by_text(text, exact=True).first).to_be_visible()
    assert not scrolls_sideways(page)
    assert scene.credentials_named("Partner") == []

    press(dialog, "Save")
    page.wait_for_url(scene.url())
    expect(page.get_by_text("The credential “Partner” was saved.")).to_be_visible()
    page.get_by_role("link", name="Partner", exact=True).click()
    expect(page.get_by_role("heading", name="Partner")).to_be_visible()
    expect(page.get_by_text("CN=bot.example.com")).to_be_visible()
    expect(page.get_by_text(re.compile("Active")).first).to_be_visible()
