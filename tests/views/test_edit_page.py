"""The edit page: what a person sees of a credential, and what they are told where it is refused."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from credentials.models import Authorization, Credential
from credentials.models.credential import Status
from tests.support.journeys import access_token_of, new_credential, token_of
from tests.support.people import Cast
from tests.support.windows import title, url, window, words

pytestmark = pytest.mark.django_db


def form(credential: Credential, **changes: Any) -> dict[str, Any]:
    """What the browser sends when nothing but `changes` was touched."""
    credential.refresh_from_db()
    payload = {name: value for name, value in credential.payload.items() if name not in {"grant_type", "use_pkce"}}
    pkce = {"use_pkce": "on"} if credential.payload.get("use_pkce") else {}
    return {"name": credential.name, "version": credential.version, **payload, **pkce, "client_secret": "", **changes}


@pytest.fixture
def bob(cast: Cast) -> Client:
    return window(cast.bob)


def test_the_page_shows_what_may_be_shown_and_that_the_secret_is_configured(
    bob: Client, authorized: Credential
) -> None:
    page = bob.get(url("edit", authorized))
    text = page.content.decode()
    assert title(page) == "Edit Orders · Bot Accounts"
    for label in ("Name", "Client ID", "Client Secret", "Scope", "Auth URL", "Token URL", "Advanced", "Use PKCE"):
        assert label in words(page)
    assert 'value="client-1"' in text
    assert "configured" in words(page)
    assert "Replace" in words(page)
    for secret in ("canary-client-secret", "canary-at-1", "canary-rt-1", authorized.secrets):
        assert secret not in text
    assert "no-store" in page["Cache-Control"]


def test_blank_keeps_the_secret_and_the_token(bob: Client, authorized: Credential) -> None:
    answer = bob.post(url("edit", authorized), form(authorized, name="Renamed"))
    assert answer.status_code == 303
    assert answer["Location"] == url("detail", authorized)
    page = bob.get(answer["Location"])
    assert "The credential “Renamed” was saved." in words(page)
    authorized.refresh_from_db()
    assert authorized.open_secrets() == {"client_secret": "canary-client-secret"}
    assert access_token_of(authorized) == "canary-at-1"


def test_a_new_secret_replaces_the_old_one_and_asks_for_authorization(bob: Client, authorized: Credential) -> None:
    bob.post(url("edit", authorized), form(authorized, client_secret=" new secret "))
    authorized.refresh_from_db()
    assert authorized.open_secrets() == {"client_secret": " new secret "}
    page = words(bob.get(url("detail", authorized)))
    assert "Needs authorization" in page
    assert "It was changed since it was authorized." in page


def test_promise_25_a_mask_is_not_a_value(bob: Client, authorized: Credential) -> None:
    """What the page shows in the secret's place cannot be sent back by it: the field itself is empty."""
    page = bob.get(url("edit", authorized)).content.decode()
    field = page.partition('name="client_secret"')[2].partition(">")[0]
    assert "value=" not in field


def test_a_new_host_is_refused_at_the_secret_until_it_is_entered_again(bob: Client, authorized: Credential) -> None:
    moved = form(authorized, token_url="https://new.example/token")
    answer = bob.post(url("edit", authorized), moved)
    assert answer.status_code == 200
    assert title(answer).startswith("Error:")
    assert "it is not sent to a new host unasked" in words(answer)
    assert 'href="#id_client_secret"' in answer.content.decode()
    assert 'value="https://new.example/token"' in answer.content.decode()
    assert access_token_of(authorized) == "canary-at-1"

    assert bob.post(url("edit", authorized), {**moved, "client_secret": "again"}).status_code == 303
    authorized.refresh_from_db()
    assert authorized.payload["token_url"] == "https://new.example/token"


def test_the_later_of_two_who_edit_at_once_is_told_and_overwrites_nothing(cast: Cast, authorized: Credential) -> None:
    seen = form(authorized)
    window(cast.alice).post(url("edit", authorized), {**seen, "name": "Alice was here"})
    answer = window(cast.bob).post(url("edit", authorized), {**seen, "name": "Bob was here"})
    assert "Somebody else has saved this credential meanwhile." in words(answer)
    assert 'value="Bob was here"' in answer.content.decode()
    assert Credential.objects.get().name == "Alice was here"


@pytest.mark.parametrize("version", ["", "x", "-1", "99999999999999999999"])
def test_a_version_that_nobody_was_given_is_refused(bob: Client, authorized: Credential, version: str) -> None:
    answer = bob.post(url("edit", authorized), form(authorized, name="Renamed", version=version))
    assert answer.status_code == 200
    assert Credential.objects.get().name == "Orders"


def test_a_name_that_is_taken_is_said_at_the_name(bob: Client, cast: Cast, authorized: Credential) -> None:
    new_credential(cast, "https://as.example.com/token", name="Taken")
    answer = bob.post(url("edit", authorized), form(authorized, name="taken"))
    assert 'href="#id_name"' in answer.content.decode()
    assert "There is already a credential of this name in the organization." in words(answer)


@pytest.mark.parametrize("field", ["client_id", "token_url", "auth_url", "name"])
def test_what_is_needed_cannot_be_emptied(bob: Client, authorized: Credential, field: str) -> None:
    answer = bob.post(url("edit", authorized), form(authorized, **{field: ""}))
    assert f'href="#id_{field}"' in answer.content.decode()
    assert Credential.objects.get().version == 1


@pytest.mark.parametrize("sent", [{"grant_type": "client_credentials"}, {"kind": "saml"}, {"status": "active"}])
def test_a_field_that_the_page_does_not_have_changes_nothing(
    bob: Client, authorized: Credential, sent: dict[str, str]
) -> None:
    before = Credential.objects.get()
    assert bob.post(url("edit", authorized), form(authorized, **sent)).status_code == 303
    after = Credential.objects.get()
    assert after.payload == {**before.payload, "authorization_parameters": ""}
    assert (after.kind, after.organization_id) == (before.kind, before.organization_id)


def test_authorize_saves_and_goes_to_the_resource(bob: Client, authorized: Credential) -> None:
    answer = bob.post(url("edit", authorized), form(authorized, scope="more", authorize="1"))
    assert answer.status_code == 303
    assert answer["Location"].startswith("http://127.0.0.1:9/authorize?")
    assert "scope=more" in answer["Location"]
    assert Authorization.objects.filter(status="started").count() == 1


def test_authorize_does_not_go_anywhere_where_saving_was_refused(bob: Client, authorized: Credential) -> None:
    answer = bob.post(url("edit", authorized), form(authorized, token_url="https://new.example/t", authorize="1"))
    assert answer.status_code == 200
    assert not Authorization.objects.filter(status="started").exists()


def test_secrets_that_cannot_be_opened_are_asked_for_and_can_be_replaced(bob: Client, authorized: Credential) -> None:
    Credential.objects.update(secrets="v1:lost:AAAA")
    assert bob.get(url("edit", authorized)).status_code == 200

    answer = bob.post(url("edit", authorized), form(authorized, name="Renamed"))
    assert "What is stored cannot be opened any more. Enter it again." in words(answer)

    assert bob.post(url("edit", authorized), form(authorized, client_secret="new")).status_code == 303
    authorized.refresh_from_db()
    assert authorized.open_secrets() == {"client_secret": "new"}
    assert authorized.status == Status.NEEDS_AUTHORIZATION
    assert token_of(authorized).access_token == ""


@pytest.mark.parametrize(("name", "status"), [("dana", 403), ("vic", 403), ("charlie", 404)])
def test_whoever_does_not_manage_credentials_gets_no_edit_page(
    cast: Cast, authorized: Credential, name: str, status: int
) -> None:
    client = window(getattr(cast, name))
    assert client.get(url("edit", authorized)).status_code == status
    assert client.post(url("edit", authorized), form(authorized, name="Mine")).status_code == status
    assert Credential.objects.get().name == "Orders"


def test_a_form_of_another_site_changes_nothing(cast: Cast, authorized: Credential) -> None:
    client = window(cast.bob, enforce_csrf_checks=True)
    assert client.post(url("edit", authorized), form(authorized, name="Mine")).status_code == 403
    assert Credential.objects.get().name == "Orders"


def test_one_of_a_type_that_this_version_does_not_know_has_no_edit_page(bob: Client, authorized: Credential) -> None:
    Credential.objects.update(kind="from_the_future")
    assert bob.get(url("edit", authorized)).status_code == 404
    assert bob.post(url("authorize", authorized)).status_code == 404
    assert "from_the_future" in words(bob.get(url("detail", authorized)))


def test_a_parameter_that_is_entered_twice_is_kept_twice_and_sent_twice(bob: Client, authorized: Credential) -> None:
    twice = "resource=https://a.example/\r\nresource=https://b.example/"
    sent = bob.post(url("edit", authorized), form(authorized, authorization_parameters=twice, authorize=""))
    assert sent.status_code == 303
    resources = parse_qs(urlsplit(sent["Location"]).query)["resource"]
    assert resources == ["https://a.example/", "https://b.example/"]
    page = bob.get(url("edit", authorized)).content.decode()
    assert all(f"resource={address}" in page for address in resources)


def test_the_redirect_uri_stands_on_the_page_that_speaks_of_it(bob: Client, cast: Cast, authorized: Credential) -> None:
    page = words(bob.get(url("edit", authorized)))
    assert f"/oauth2/callback/{authorized.pk}/" in page
    assert "for example, Salesforce" in page
    authorized.kind, authorized.payload = "consumer_authentication", {"authentication_url": "https://idp.example/?x=1"}
    authorized.save()
    page = words(bob.get(url("edit", authorized)))
    assert f"/callback/{cast.account.number}/redirectedCode" in page
    assert "It is the same for the whole account." in page
    authorized.kind, authorized.payload = "basic_authentication", {"user_name": "bot"}
    authorized.save()
    assert "Redirect URI" not in words(bob.get(url("edit", authorized)))
