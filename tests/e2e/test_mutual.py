"""Uploading a keystore in the dialog."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import be, begin_a_procedure, enter_kind, open_dialog, press, scrolls_sideways, sign_in
from tests.support.pki import issue
from tests.support.processes import find_program
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of

pytestmark = pytest.mark.chromium


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def upload(dialog: Locator, label: str, name: str, content: bytes) -> None:
    dialog.get_by_label(label, exact=True).set_input_files(file(name, content))


def test_procedure_add_a_mutual_authentication_credential(page: Page, newcomer: Scene) -> None:
    scene = newcomer
    be(page, scene, "alice")
    dialog = begin_a_procedure(page, scene, "Partner", "Mutual Authentication")
    press(dialog, "Next")
    upload(dialog, "Key Certificate", "keys.p12", pkcs12_of(CLIENT))
    upload(dialog, "Trust Certificate", "ca.pem", TRUSTED.pem)
    dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
    dialog.get_by_label("TLS 1.2").check()
    press(dialog, "Save")
    page.wait_for_url(scene.url())
    expect(page.get_by_text("The credential “Partner” was saved.")).to_be_visible()
    page.get_by_role("link", name="Partner", exact=True).click()
    expect(page.get_by_role("heading", name="Partner")).to_be_visible()
    expect(page.get_by_text("CN=bot.example.com")).to_be_visible()
    expect(page.get_by_text(re.compile("Active")).first).to_be_visible()


def test_procedure_make_a_key_certificate_and_import_the_trust_certificate_into_it(
    page: Page, newcomer: Scene, tmp_path: Path
) -> None:
    """With the specification's commands; a trust certificate of its own is then not required."""
    openssl, keytool = find_program("openssl"), find_program("keytool")
    (tmp_path / "certificate.pem").write_bytes(TRUSTED.pem)
    store = f"-keystore cb-mtls-server.p12 -storepass {PASSWORD}"
    for command in (
        f"{keytool} -genkeypair -alias nt-ms -keyalg RSA -keysize 2048 -storetype PKCS12 {store} -validity 3650"
        " -ext SAN=dns:localhost,ip:127.0.0.1 -dname CN=made.by.keytool",
        f"{openssl} x509 -outform der -in certificate.pem -out certificate.der",
        f"{keytool} -import -alias company-alias {store} -file ./certificate.der -noprompt",
    ):
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    scene = newcomer
    be(page, scene, "alice")
    dialog = begin_a_procedure(page, scene, "Made by hand", "Mutual Authentication")
    press(dialog, "Next")
    upload(dialog, "Key Certificate", "cb-mtls-server.p12", (tmp_path / "cb-mtls-server.p12").read_bytes())
    dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
    press(dialog, "Save")
    expect(page.get_by_text("The credential “Made by hand” was saved.")).to_be_visible()
    page.get_by_role("link", name="Made by hand", exact=True).click()
    trusted = page.locator("dl > div").filter(has_text="Trusted certificates in the keystore")
    expect(trusted).to_contain_text("CN=Partner CA")


def test_ux_16_an_upload_shows_what_is_in_it_before_it_is_saved(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_kind(dialog, "Looked into", "Mutual Authentication")
    press(dialog, "Next")
    upload(dialog, "Key Certificate", "keys.jks", pkcs12_of(CLIENT))
    upload(dialog, "Trust Certificate", "ca.pem", TRUSTED.pem)
    dialog.get_by_label("Key Certificate Password").fill("mistyped")
    press(dialog, "Show what is inside")
    # Once in the summary and once beside the field.
    expect(dialog.get_by_text("The password does not open this file.").first).to_be_visible()

    # The file is still there.
    dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
    dialog.get_by_label("TLS 1.2").check()
    press(dialog, "Show what is inside")
    for text in ("CN=bot.example.com", "CN=Intermediate", "CN=Partner CA", "TLS 1.2"):
        expect(dialog.get_by_text(text, exact=True).first).to_be_visible()
    for label, value in (
        ("Subject", "CN=bot.example.com"),
        ("Issuer", "CN=Intermediate"),
        ("Valid from", f"{CLIENT.certificate.not_valid_before_utc:%Y-%m-%d}"),
        ("Valid to", f"{CLIENT.certificate.not_valid_after_utc:%Y-%m-%d}"),
        ("Key", "EC"),
        ("Trusted certificates in the keystore", "none"),
    ):
        expect(dialog.locator("dl > div").filter(has_text=label).filter(has_text=value)).not_to_have_count(0)
    assert not scrolls_sideways(page)
    assert scene.credentials_named("Looked into") == []


def test_ux_16_a_keystore_that_ends_soon_or_has_ended_is_said_there_and_then(page: Page, scene: Scene) -> None:
    sign_in(page, scene)
    dialog = open_dialog(page)
    enter_kind(dialog, "Ends", "Mutual Authentication")
    press(dialog, "Next")
    for days, words in ((10, "The key certificate ends in 9 days, on"), (-1, "The key certificate ended on")):
        upload(dialog, "Key Certificate", "keys.p12", pkcs12_of(issue("bot.example.com", days=days)))
        dialog.get_by_label("Key Certificate Password").fill(PASSWORD)
        press(dialog, "Show what is inside")
        expect(dialog.locator(".notice").filter(has_text=words)).to_be_visible()
