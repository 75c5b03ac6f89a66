"""Attacks on sessions, forms and redirects: promises 5, 8, 25 and 29 for every address of the URL configuration."""

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from credentials.models import Credential, Draft
from organizations.models import Role
from tests.security.test_tenants import EVERYWHERE, PAGES, furnish
from tests.support.addresses import everything_stored
from tests.support.credentials import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.people import Cast
from tests.support.wizard import answer_step, errors_of, last_step_address, signed_in

pytestmark = pytest.mark.django_db

FOREIGN = ("//evil.example", "https://evil.example/")
NAMES = ("next", "url", "redirect", "return_to", "continue")


@pytest.fixture
def house(cast: Cast) -> dict[str, Any]:
    values = furnish(cast.organization, cast.alice)
    more = {"number": cast.account.number, "handle": "h" * 43, "uidb64": "MQ", "token": "x-y"}
    return {**values, **more}


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}], ids=str)
def test_promise_05_no_form_of_another_site_is_taken_by_any_page(
    cast: Cast, house: dict[str, Any], headers: dict[str, str]
) -> None:
    alice = Client(enforce_csrf_checks=True)
    alice.force_login(cast.alice)
    alice.get("/organizations/")
    before = everything_stored()
    refused = 0
    for address in EVERYWHERE:
        if address.name.startswith("api"):
            continue  # it knows no session: see the next test
        status = alice.post(address.path(house), {"name": "Evil"}, headers=headers).status_code
        assert status in (403, 405), address.name
        refused += status == 403
    assert refused > 30
    assert everything_stored() == before


def test_promise_05_a_session_is_nobody_to_the_api(cast: Cast, house: dict[str, Any]) -> None:
    alice = signed_in(cast.alice)
    for address in EVERYWHERE:
        if address.name.startswith("api:") and address.arguments:
            assert alice.post(address.path(house)).status_code in (401, 405), address.name


@pytest.mark.parametrize("target", FOREIGN)
def test_promise_08_no_page_sends_anybody_to_an_address_in_its_own_address(
    cast: Cast, house: dict[str, Any], target: str
) -> None:
    """Whatever a page may read from its query or its form, it leads on within this site."""
    alice, nobody = signed_in(cast.alice), Client()
    given = dict.fromkeys(NAMES, target)
    leads = 0
    for address in EVERYWHERE:
        if address.name in ("credentials:authorize",):
            continue  # it leads to the resource: that is what it is for
        path = address.path(house)
        for client in (alice, nobody):
            for answer in (client.get(path, given), client.post(path, given, query_params=given)):
                location = answer.headers.get("Location") or answer.headers.get("HX-Redirect") or ""
                leads += bool(location)
                assert urlsplit(location).netloc in ("", "127.0.0.1:8000"), f"{address.name}: {location}"
                assert urlsplit(location).scheme in ("", "http"), f"{address.name}: {location}"
                assert not location.startswith(("//", "/\\", "\\")), f"{address.name}: {location}"
        alice = alice if address.name != "logout" else signed_in(cast.alice)
    assert leads > 40


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example/%2e%2e", "/%5c%5cevil.example", "/\\evil.example/.."]
)
def test_promise_08_a_path_that_looks_like_a_host_leads_nowhere(path: str) -> None:
    for host in ("127.0.0.1", "localhost"):
        answer = Client(headers={"host": host}).get(path)
        assert urlsplit(answer.headers.get("Location", "")).netloc in ("", "127.0.0.1:8000")


@pytest.mark.parametrize("role", Role)
def test_promise_25_no_page_shows_a_secret_to_any_role(cast: Cast, house: dict[str, Any], role: Role) -> None:
    client = signed_in(cast.by_role(role))
    opened = 0
    for page in PAGES:
        answer = client.get(page.path(house))
        opened += answer.status_code == 200
        shown = b"".join(answer) if answer.streaming else answer.content
        for secret in (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET, "v1:test"):
            assert secret.encode() not in shown, page.name
    assert opened > 6


def test_a_session_begins_anew_with_signing_in_and_is_over_with_signing_out(cast: Cast) -> None:
    """What somebody put into a browser beforehand is worth nothing afterwards, and neither is a stolen copy."""
    client = Client()
    client.get("/accounts/login/")
    planted = client.session
    planted["planted"] = True
    planted.save()
    client.cookies[configured.SESSION_COOKIE_NAME] = planted.session_key
    client.post("/accounts/login/", {"username": "bob", "password": cast.password})
    own = client.cookies[configured.SESSION_COOKIE_NAME].value
    assert own != planted.session_key
    assert not Session.objects.filter(pk=planted.session_key).exists()
    thief = Client()
    thief.cookies[configured.SESSION_COOKIE_NAME] = own
    assert thief.get(reverse("credentials:list", args=[cast.organization.pk])).status_code == 200
    client.post("/accounts/logout/")
    assert thief.get(reverse("credentials:list", args=[cast.organization.pk])).status_code == 302


@pytest.mark.parametrize("kilobytes", [65, 900, 3000])
@pytest.mark.parametrize(
    ("kind", "field", "more", "says"),
    [
        ("mutual_authentication", "key_certificate", {}, ("larger than 64 kB", "at most 64 kB")),
        ("third_party_nlu", "credentials_file", {"provider": "google_dialogflow"}, ("64 kB", "required")),
    ],
)
def test_promise_35_an_upload_of_any_size_stays_in_memory_and_is_a_form_error(
    cast: Cast,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kilobytes: int,
    kind: str,
    field: str,
    more: dict[str, str],
    says: tuple[str, str],
) -> None:
    """Django would write what is larger than two megabytes and a half into a file."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bob = signed_in(cast.bob)
    upload = SimpleUploadedFile("../../key.p12", b"canary " * (kilobytes * 147))
    answer = answer_step(bob, cast.organization, kind, {**more, field: upload})
    assert answer.status_code == 200
    told = errors_of(answer, field) + errors_of(answer, "credentials")
    assert any(each in told for each in says), told
    assert list(tmp_path.iterdir()) == []
    assert not Credential.objects.exists()


@pytest.mark.parametrize("content", [b"\x00" * 5000, b"[" * 60_000, b'{"a":' * 12_000, b"\xff\xfe" * 900], ids=len)
def test_promise_35_an_upload_of_anything_is_a_form_error(cast: Cast, content: bytes) -> None:
    bob = signed_in(cast.bob)
    for kind, field, more in (
        ("mutual_authentication", "key_certificate", {}),
        ("mutual_authentication", "trust_certificate", {}),
        ("third_party_nlu", "credentials_file", {"provider": "ibm_watson"}),
    ):
        answer = answer_step(bob, cast.organization, kind, {**more, field: io.BytesIO(content)})
        assert answer.status_code == 200, kind
        assert "There is a problem" in answer.content.decode(), kind


def test_a_body_of_a_hundred_thousand_fields_or_too_many_bytes_is_refused(cast: Cast) -> None:
    bob = signed_in(cast.bob)
    step = last_step_address(bob, cast.organization, "basic_authentication")
    before = Draft.objects.values().get()
    many = "&".join(f"a{number}=b" for number in range(100_000))
    for body in (many, "user_name=" + "x" * 1_100_000):
        answer = bob.post(step, body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 400
    assert Draft.objects.values().get() == before
