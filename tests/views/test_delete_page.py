"""Deleting, as a person meets it: what uses it, *Continue*, and what became of the token."""

import pytest
from django.test import Client

from credentials.models import ApiIntegration, Credential
from tests.support.credentials import make_integration
from tests.support.people import Cast
from tests.support.windows import list_url, url, window, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(cast: Cast) -> Client:
    return window(cast.bob)


def test_the_confirmation_names_it_and_changes_nothing(bob: Client, authorized: Credential) -> None:
    page = bob.get(url("delete", authorized))
    text = page.content.decode()
    assert "Delete “<bdi>Orders</bdi>”?" in text
    assert "Continue" in words(page)
    cancel = text.partition("data-dialog-close")[2].partition(">")[0]
    assert "autofocus" in cancel
    assert Credential.objects.exists()


def test_continue_deletes_it_and_says_what_became_of_the_token(bob: Client, cast: Cast, authorized: Credential) -> None:
    answer = bob.post(url("delete", authorized))
    assert answer.status_code == 303
    assert answer["Location"] == list_url(cast.organization)
    page = words(bob.get(answer["Location"]))
    assert "The credential “Orders” was deleted." in page
    assert "The resource says of no way to revoke a token" in page
    assert not Credential.objects.exists()


def test_while_something_uses_it_there_is_no_continue(bob: Client, cast: Cast, authorized: Credential) -> None:
    used = make_integration(cast.organization, "https://api.example.com/", credential=authorized)
    page = bob.get(url("delete", authorized))
    assert "It is in use" in words(page)
    assert "Look up an order" in words(page)
    assert f"/integrations/{used.pk}/" in page.content.decode()
    assert "Continue" not in words(page)

    answer = bob.post(url("delete", authorized))
    assert answer.status_code == 200
    assert "It is in use" in words(answer)
    assert Credential.objects.exists()
    assert ApiIntegration.objects.get().credential_id == authorized.pk


def test_a_second_click_finds_nothing(bob: Client, authorized: Credential) -> None:
    assert bob.post(url("delete", authorized)).status_code == 303
    assert bob.post(url("delete", authorized)).status_code == 404


def test_in_the_dialog_the_whole_window_goes_to_the_list(cast: Cast, authorized: Credential) -> None:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(cast.bob)
    answer = client.post(url("delete", authorized))
    assert answer["HX-Redirect"] == list_url(cast.organization)


def test_secrets_that_cannot_be_opened_do_not_keep_it(bob: Client, cast: Cast, authorized: Credential) -> None:
    Credential.objects.update(secrets="v1:lost:AAAA")
    answer = bob.post(url("delete", authorized))
    assert "could not be revoked" in words(bob.get(answer["Location"]))
    assert not Credential.objects.exists()


@pytest.mark.parametrize(("name", "status"), [("dana", 403), ("vic", 403), ("charlie", 404)])
def test_whoever_does_not_manage_credentials_deletes_none(
    cast: Cast, authorized: Credential, name: str, status: int
) -> None:
    client = window(getattr(cast, name))
    assert client.get(url("delete", authorized)).status_code == status
    assert client.post(url("delete", authorized)).status_code == status
    assert Credential.objects.exists()


def test_a_form_of_another_site_deletes_nothing(cast: Cast, authorized: Credential) -> None:
    assert window(cast.bob, enforce_csrf_checks=True).post(url("delete", authorized)).status_code == 403
    assert Credential.objects.exists()
