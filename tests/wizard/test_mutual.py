"""Add, look at and edit a Mutual Authentication credential on its pages."""

import re
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from credentials.models import Credential, Draft
from credentials.models.credential import Status
from credentials.services.sweep import end_expired
from credentials.types.mutual import context
from organizations.models import AuditEntry
from tests.support import der_writer as der
from tests.support.keystores import Workshop
from tests.support.mutual import KIND, save
from tests.support.people import Cast
from tests.support.pki import issue
from tests.support.windows import window, words
from tests.support.wizard import errors_of
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of
from tests.wizard.conftest import Dialog
from tests.wizard.test_steps import buttons

pytestmark = pytest.mark.django_db

CHECK = {"check": "1"}
BASICS = {"name": "Partner", "kind": KIND}


def upload(content: bytes, name: str = "store.p12") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def entry(content: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """What is posted at the step of the certificates."""
    files = {"key_certificate": upload(content)} if content is not None else {}
    return {"key_certificate_password": PASSWORD, **files, **fields}


@pytest.fixture
def at_certificates(dialog: Dialog) -> Dialog:
    dialog.press(BASICS)
    return dialog


def test_what_is_inside_is_shown_before_it_is_saved(at_certificates: Dialog) -> None:
    dialog = at_certificates
    assert buttons(dialog) == ["Save", "Show what is inside", "Back", "Cancel"]
    assert "multipart/form-data" in dialog.page.content.decode()
    dialog.press(
        entry(pkcs12_of(CLIENT), trust_certificate=upload(TRUSTED.pem, "ca.pem"), protocols=["TLSv1.2"], **CHECK)
    )
    shown = words(dialog.page)
    for text in ("CN=bot.example.com", "CN=Intermediate", "EC, secp256r1", "CN=Partner CA", "TLS 1.2"):
        assert text in shown
    assert not Credential.objects.exists()
    dialog.press({"protocols": ["TLSv1.2"]})
    credential = Credential.objects.get()
    assert credential.status == Status.ACTIVE
    assert credential.expires_at == CLIENT.certificate.not_valid_after_utc
    assert not Draft.objects.exists()
    page = dialog.client.get(reverse("credentials:detail", args=[credential.organization_id, credential.pk]))
    assert "CN=bot.example.com" in words(page)
    assert PASSWORD not in page.content.decode()


def test_nothing_needs_to_be_looked_at_before_it_is_saved(at_certificates: Dialog) -> None:
    at_certificates.press(entry(pkcs12_of(CLIENT)))
    assert Credential.objects.get().name == "Partner"


def test_what_ends_soon_is_said_before_it_is_saved(at_certificates: Dialog) -> None:
    at_certificates.press(entry(pkcs12_of(issue("bot", days=3.5)), **CHECK))
    assert "The key certificate ends in 3 days, on" in words(at_certificates.page)


def test_a_mistyped_password_does_not_cost_the_file(at_certificates: Dialog) -> None:
    dialog = at_certificates
    dialog.press(entry(pkcs12_of(CLIENT), key_certificate_password="canary-mistyped"))
    assert "The password does not open this file." in words(dialog.page)
    assert "canary-mistyped" not in dialog.page.content.decode()
    dialog.press(entry(**CHECK))
    assert "CN=bot.example.com" in words(dialog.page)


def test_back_loses_nothing(at_certificates: Dialog) -> None:
    dialog = at_certificates
    dialog.press(entry(pkcs12_of(CLIENT), protocols=["TLSv1.3"]), back=True)
    assert dialog.values()["name"] == "Partner"
    dialog.press(BASICS)
    assert re.search(r'value="TLSv1.3"[^>]*checked', dialog.page.content.decode())
    dialog.press({"protocols": ["TLSv1.3"], **CHECK})
    assert "CN=bot.example.com" in words(dialog.page)
    dialog.press({"protocols": ["TLSv1.2"]})
    assert Credential.objects.get().payload["protocols"] == ["TLSv1.2"]


def test_a_refused_file_is_not_kept(at_certificates: Dialog) -> None:
    at_certificates.press(entry(b"canary, and no keystore"))
    assert "neither a PKCS12 nor a JKS keystore" in words(at_certificates.page)
    at_certificates.press(entry())
    assert "Upload a file of at most 64 kB." in words(at_certificates.page)


def test_promise_33_a_file_that_asks_for_a_hundred_million_iterations_is_refused_while_others_are_served(
    cast: Cast, at_certificates: Dialog
) -> None:
    bomb = der.pfx(der.data(der.sequence()), integrity=der.mac(100_000_000))
    assert len(bomb) < 1024
    other, stop, served = window(cast.alice), threading.Event(), []
    at_work = threading.Event()

    def browse() -> None:
        while not stop.is_set():
            started = time.monotonic()
            assert other.get("/health/live").status_code == 200
            served.append(time.monotonic() - started)
            at_work.set()

    thread = threading.Thread(target=browse)
    thread.start()
    assert at_work.wait(30)
    started = time.monotonic()
    try:
        at_certificates.press(entry(bomb))
        took = time.monotonic() - started
        at_work.clear()
        assert at_work.wait(30)
    finally:
        stop.set()
        thread.join()
    assert "more than 1,000,000 iterations" in words(at_certificates.page)
    assert took < 1
    assert max(served[1:]) < 1


@pytest.fixture
def credential(cast: Cast) -> Credential:
    return save(cast, pkcs12_of(CLIENT), TRUSTED.pem, password=PASSWORD)


def edit(client: Client, credential: Credential, **fields: Any) -> Any:
    address = reverse("credentials:edit", args=[credential.organization_id, credential.pk])
    posted = {"name": credential.name, "version": credential.version, **fields}
    answer = client.post(address, posted)
    credential.refresh_from_db()
    return answer


def test_an_edit_keeps_the_files_that_are_left_blank(cast: Cast, credential: Credential) -> None:
    before = credential.open_secrets(), credential.payload
    edit(window(cast.bob), credential, name="Renamed", protocols=["TLSv1.2", "TLSv1.3"])
    assert credential.name == "Renamed"
    assert credential.open_secrets() == before[0]
    assert credential.payload == {**before[1], "protocols": ["TLSv1.2", "TLSv1.3"]}
    assert credential.expires_at == CLIENT.certificate.not_valid_after_utc


def test_an_edit_replaces_the_key_certificate_alone(cast: Cast, credential: Credential) -> None:
    new = issue("new.example.com", days=100)
    trust = credential.open_secrets()["trust_certificate"]
    edit(window(cast.bob), credential, **entry(pkcs12_of(new)))
    assert credential.payload["key"]["subject"] == "CN=new.example.com"
    assert credential.payload["trust"]["certificates"][0]["subject"] == "CN=Partner CA"
    assert credential.open_secrets()["trust_certificate"] == trust
    assert credential.expires_at == new.certificate.not_valid_after_utc


def test_the_edit_page_says_which_files_are_stored(cast: Cast) -> None:
    alone = save(cast, pkcs12_of(CLIENT), password=PASSWORD)
    page = window(cast.bob).get(reverse("credentials:edit", args=[alone.organization_id, alone.pk]))
    assert page.content.decode().count("configured-field") == 1


@pytest.fixture
def with_its_own(cast: Cast, tmp_path: Path) -> Credential:
    """Its keystore has an imported trust certificate; another one was uploaded beside it."""
    key = Workshop(tmp_path).keytool(CLIENT, trusted=[issue("Keystore's CA", authority=True)], password=PASSWORD)
    return save(cast, key, TRUSTED.pem, password=PASSWORD)


def test_an_edit_removes_the_trust_certificate_where_the_keystore_has_its_own(
    cast: Cast, with_its_own: Credential
) -> None:
    credential, bob = with_its_own, window(cast.bob)
    assert edit(bob, credential, remove_trust_certificate="on").status_code == 303
    assert credential.payload["trust"] is None
    assert credential.open_secrets()["trust_certificate"] == ""
    (trusted,) = context.trusted_of(credential.open_secrets())
    assert trusted["facts"]["subject"] == "CN=Keystore's CA"
    page = words(bob.get(reverse("credentials:detail", args=[credential.organization_id, credential.pk])))
    assert "Partner CA" not in page
    assert "a trusted certificate in the keystore" in page
    details = AuditEntry.objects.filter(action="credential.edited").get().details
    assert (details["removed"], details["replaced"]) == (["trust_certificate"], [])
    # There is nothing left to be removed.
    assert "remove_trust_certificate" not in html_of_edit(bob, credential)


def test_an_edit_does_not_remove_the_only_trust_certificate(cast: Cast, credential: Credential) -> None:
    before = credential.secrets
    assert "remove_trust_certificate" in html_of_edit(window(cast.bob), credential)
    answer = edit(window(cast.bob), credential, remove_trust_certificate="on")
    assert "The keystore has no trust certificate of its own." in errors_of(answer, "remove_trust_certificate")
    assert (credential.secrets, credential.version) == (before, 1)


def test_to_remove_and_to_upload_at_once_is_refused(cast: Cast, with_its_own: Credential) -> None:
    answer = edit(window(cast.bob), with_its_own, remove_trust_certificate="on", trust_certificate=upload(TRUSTED.pem))
    assert "not both" in errors_of(answer, "remove_trust_certificate")
    assert with_its_own.version == 1


def test_a_new_keystore_without_trust_certificate_does_not_widen_whom_it_trusts(
    cast: Cast, with_its_own: Credential
) -> None:
    credential, bob, fields = with_its_own, window(cast.bob), {"remove_trust_certificate": "on"}
    answer = edit(bob, credential, **fields, **entry(pkcs12_of(CLIENT)))
    assert "has no trust certificate of its own" in errors_of(answer, "remove_trust_certificate")
    edit(bob, credential, **fields)
    answer = edit(bob, credential, **entry(pkcs12_of(CLIENT)))
    assert "has no trust certificate of its own" in errors_of(answer, "trust_certificate")
    answer = edit(bob, credential, **entry(pkcs12_of(CLIENT), trust_certificate=upload(TRUSTED.pem)))
    assert answer.status_code == 303
    assert credential.payload["trust"]["certificates"][0]["subject"] == "CN=Partner CA"


def test_an_uploaded_trust_certificate_can_be_taken_back_before_it_is_saved(at_certificates: Dialog) -> None:
    dialog = at_certificates
    dialog.press(entry(pkcs12_of(CLIENT), trust_certificate=upload(TRUSTED.pem), **CHECK))
    assert "CN=Partner CA" in words(dialog.page)
    dialog.press({"remove_trust_certificate": "on", **CHECK})
    assert "CN=Partner CA" not in words(dialog.page)
    assert "those with a certificate of a public authority" in words(dialog.page)
    dialog.press({})
    credential = Credential.objects.get()
    assert (credential.payload["trust"], credential.open_secrets()["trust_certificate"]) == (None, "")


def html_of_edit(client: Client, credential: Credential) -> str:
    page = client.get(reverse("credentials:edit", args=[credential.organization_id, credential.pk]))
    return str(page.content.decode())


def test_a_certificate_that_ends_soon_is_expiring_and_one_that_has_ended_is_failed(
    cast: Cast, credential: Credential
) -> None:
    bob = window(cast.bob)
    listing = reverse("credentials:list", args=[credential.organization_id])
    assert "Expiring" not in words(bob.get(listing)).replace("All statuses", "").split("Partner")[-1]
    Credential.objects.update(expires_at=timezone.now() + timedelta(days=3))
    assert "its key certificate ends soon" in words(bob.get(listing))
    Credential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert end_expired() == 1
    credential.refresh_from_db()
    assert (credential.status, credential.status_reason) == (Status.FAILED, "its key certificate has ended")
    page = bob.get(reverse("credentials:detail", args=[credential.organization_id, credential.pk]))
    assert "upload a key certificate that is valid" in words(page)
    edit(bob, credential, **entry(pkcs12_of(CLIENT)))
    assert (credential.status, credential.status_reason) == (Status.ACTIVE, "")
