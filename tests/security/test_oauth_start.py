"""Promises 4, 5, 7 and 8: who may start an authorization, how, and where it can lead."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from credentials.models import Authorization, Credential
from credentials.models.credential import Status
from credentials.services import authorize as service
from organizations.access import Access
from organizations.models import Role
from tests.security.conftest import token_requests
from tests.support.journeys import new_credential
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.windows import authorize, callback_url, come_back, list_url, url, window, words, work

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_promise_05_only_a_form_starts_an_authorization(cast: Cast, credential: Credential, method: str) -> None:
    assert getattr(window(cast.bob), method)(url("authorize", credential)).status_code == 405
    assert not Authorization.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_promise_05_a_form_of_another_site_starts_nothing(
    cast: Cast, credential: Credential, headers: dict[str, str]
) -> None:
    bob = window(cast.bob, enforce_csrf_checks=True)
    bob.get(url("detail", credential))
    answer = bob.post(url("authorize", credential), headers=headers)
    assert answer.status_code == 403
    assert "authorizing" not in answer.cookies
    assert not Authorization.objects.exists()
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION


def test_a_form_of_our_own_page_starts_one(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob, enforce_csrf_checks=True)
    page = bob.get(url("detail", credential))
    token = page.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert bob.post(url("authorize", credential), {"csrfmiddlewaretoken": token}).status_code == 303
    assert Authorization.objects.count() == 1


@pytest.mark.parametrize(("name", "status"), [("dana", 403), ("vic", 403), ("charlie", 404)])
def test_who_does_not_manage_credentials_starts_nothing(
    cast: Cast, credential: Credential, name: str, status: int
) -> None:
    assert window(getattr(cast, name)).post(url("authorize", credential)).status_code == status
    assert not Authorization.objects.exists()


def test_a_credential_of_another_organization_is_not_there(cast: Cast, credential: Credential) -> None:
    smuggled = reverse("credentials:authorize", args=[cast.other_organization.pk, credential.pk])
    assert window(cast.charlie).post(smuggled).status_code == 404
    assert not Authorization.objects.exists()


def test_promise_04_each_credential_has_a_redirect_uri_of_its_own(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    other = new_credential(cast, token_endpoint.url("/token"), name="Other")
    uris = [authorize(bob, each).query["redirect_uri"] for each in (credential, other)]
    assert uris == [f"http://127.0.0.1:8000/oauth2/callback/{each.pk}/" for each in (credential, other)]


def test_promise_04_a_code_that_arrives_at_another_credentials_callback_goes_nowhere(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    """The mix-up attack: a hostile server bounces the person to an honest one, with its own credential's callback."""
    hostile = new_credential(cast, token_endpoint.url("/token"), name="Hostile")
    bob = window(cast.bob)
    hostile_state, honest_state = authorize(bob, hostile).state, authorize(bob, credential).state
    assert come_back(bob, hostile, state=honest_state, code="canary-honest-code").status_code == 400
    assert come_back(bob, credential, state=hostile_state, code="canary-hostile-code").status_code == 400
    assert work() == token_requests(token_endpoint) == 0


def test_promise_07_the_redirect_uri_is_byte_identical_at_the_token_endpoint(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    sent = authorize(bob, credential)
    come_back(bob, credential, state=sent.state, code="canary-code")
    work()
    sent_again = token_endpoint.requests[-1].body.decode()
    assert parse_qs(sent_again)["redirect_uri"] == [f"http://127.0.0.1:8000/oauth2/callback/{credential.pk}/"]
    written = sent.location.partition("redirect_uri=")[2].partition("&")[0]
    assert written == sent_again.partition("redirect_uri=")[2].partition("&")[0]


def test_it_stays_the_one_that_was_asked_with_when_the_public_address_changes_in_between(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, settings: Settings
) -> None:
    bob = window(cast.bob)
    sent = authorize(bob, credential)
    settings.PUBLIC_URL = "https://moved.example"
    come_back(bob, credential, state=sent.state, code="canary-code")
    work()
    assert token_endpoint.requests[-1].form["redirect_uri"] == sent.query["redirect_uri"]
    assert authorize(bob, credential).query["redirect_uri"].startswith("https://moved.example/oauth2/callback/")


def test_promise_07_a_forged_host_is_refused(cast: Cast, credential: Credential) -> None:
    for answer in (
        window(cast.bob).post(url("authorize", credential), HTTP_HOST="evil.example"),
        window(cast.bob).get(callback_url(credential), HTTP_HOST="evil.example"),
        window().get("/accounts/login/", HTTP_HOST="127.0.0.1@evil.example"),
    ):
        assert answer.status_code == 400
        assert "evil.example" not in answer.headers.get("Location", "")
    assert not Authorization.objects.exists()


@pytest.mark.parametrize(
    "forged",
    [
        {"HTTP_HOST": "127.0.0.1:1234"},
        {"HTTP_X_FORWARDED_HOST": "evil.example"},
        {"HTTP_FORWARDED": "host=evil.example;proto=https"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
    ],
)
def test_promise_07_the_redirect_uri_comes_from_the_settings_and_from_no_header(
    cast: Cast, credential: Credential, forged: dict[str, str]
) -> None:
    answer = window(cast.bob).post(url("authorize", credential), **forged)
    uri = parse_qs(answer["Location"])["redirect_uri"]
    assert uri == [f"http://127.0.0.1:8000/oauth2/callback/{credential.pk}/"]


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "/\t/evil.example",
        "http:evil.example",
        "https:///evil.example",
        "%2F%2Fevil.example",
    ],
)
def test_promise_08_signing_in_leads_to_a_page_of_ours_whatever_next_says(cast: Cast, target: str) -> None:
    login = {"username": "bob", "password": cast.password, "next": target}
    answer = Client().post("/accounts/login/", login, query_params={"next": target})
    assert answer.status_code == 302
    assert answer["Location"] == "/organizations/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(cast: Cast, credential: Credential) -> None:
    wanted = url("detail", credential)
    login = Client().get(wanted)["Location"]
    answer = Client().post(login, {"username": "bob", "password": cast.password, "next": wanted})
    assert answer["Location"] == wanted


def test_nobody_starts_an_authorization_without_signing_in(credential: Credential) -> None:
    answer = Client().post(url("authorize", credential))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert not Authorization.objects.exists()


def test_consent_to_values_that_somebody_replaces_meanwhile_is_not_asked_for(
    cast: Cast, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited_meanwhile(auth_url: str) -> None:
        Credential.objects.filter(pk=credential.pk).update(version=credential.version + 1)

    monkeypatch.setattr(service, "discover", edited_meanwhile)
    bob = window(cast.bob)
    answer = bob.post(url("authorize", credential))
    assert answer["Location"] == url("detail", credential)
    assert "changed this credential meanwhile" in words(bob.get(answer["Location"]))
    assert not Authorization.objects.exists()


def test_a_credential_that_works_goes_on_working_while_somebody_authorizes_it_anew(
    cast: Cast, credential: Credential
) -> None:
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    work()
    authorize(bob, credential)
    credential.refresh_from_db()
    assert credential.status == Status.ACTIVE
    Authorization.objects.filter(status="started").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bob.get(list_url(cast.organization)).status_code == 200


def test_a_service_call_without_the_right_is_refused_too(cast: Cast, credential: Credential) -> None:
    viewer = Access(cast.vic, cast.organization, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        service.start(viewer, credential, nonce="n")
    assert not Authorization.objects.exists()
