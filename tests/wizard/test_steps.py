"""The steps of Add Credentials: labels, order and buttons to the letter of the specification; *Back* loses nothing."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from credentials.models import Credential
from credentials.types.registry import rooms
from tests.support.people import Cast
from tests.support.windows import title, url, window, words
from tests.wizard.conftest import BASICS, RESOURCE, Dialog

pytestmark = pytest.mark.django_db


def labels(dialog: Dialog) -> list[str]:
    found = re.findall(r"<label[^>]*>(.*?)</label>", dialog.page.content.decode(), re.DOTALL)
    return [" ".join(label.split()) for label in found]


def buttons(dialog: Dialog) -> list[str]:
    form = dialog.page.content.decode().partition('class="actions dialog-actions"')[2].partition("</form>")[0]
    return re.findall(r"<(?:button|a)[^>]*>\s*([\w ]+?)\s*</", form)


def options(dialog: Dialog, name: str) -> list[str]:
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', dialog.page.content.decode(), re.DOTALL)
    assert select
    return [label.strip() for value, label in re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)', select[0]) if value]


def test_the_first_step_asks_for_name_authentication_type_and_grant_type(dialog: Dialog) -> None:
    assert "Add Credentials" in words(dialog.page)
    assert labels(dialog) == ["Name", "Authentication Type", "Grant Type"]
    assert options(dialog, "kind") == [room.label for room in rooms()]
    assert options(dialog, "grant_type") == ["Authorization Code", "Client Credentials"]
    assert "A descriptive name." in words(dialog.page)
    assert buttons(dialog) == ["Next", "Cancel"]


def test_authorization_code_shows_the_redirect_uri_and_then_asks_for_the_resource(dialog: Dialog) -> None:
    dialog.press(BASICS)
    assert labels(dialog) == ["Redirect URI"]
    assert buttons(dialog) == ["Next", "Back", "Cancel"]
    assert "Copy" in words(dialog.page)

    dialog.press()
    assert labels(dialog)[:5] == ["Client ID", "Client Secret", "Scope", "Auth URL", "Token URL"]
    assert labels(dialog)[5:] == [
        "Use PKCE",
        "Client authentication",
        "Authorization parameters",
        "Secret expires on",
    ]
    assert buttons(dialog) == ["Authorize", "Back", "Cancel"]
    page = dialog.page.content.decode()
    assert page.index("Token URL") < page.index("Advanced") < page.index("Use PKCE")
    assert dialog.values()["use_pkce"] == "on"
    assert "Also called the consumer secret." in words(dialog.page)


def test_client_credentials_asks_for_the_resource_at_once(dialog: Dialog) -> None:
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    assert labels(dialog) == [
        "Client ID",
        "Client Secret",
        "Scope",
        "Token URL",
        "Client authentication",
        "Token parameters",
        "Secret expires on",
    ]
    assert buttons(dialog) == ["Authorize", "Back", "Cancel"]
    assert "Step 2 of 2" in words(dialog.page)


def test_the_redirect_uri_that_is_shown_is_the_one_that_is_used(dialog: Dialog, cast: Cast) -> None:
    dialog.press(BASICS)
    shown = re.search(r"<textarea id=\"redirect-uri\".*?>(.*?)</textarea>", dialog.page.content.decode(), re.DOTALL)
    dialog.press()
    answer = dialog.press(RESOURCE)
    credential = Credential.objects.get()
    assert shown
    assert shown[1] == f"http://127.0.0.1:8000/oauth2/callback/{credential.pk}/"
    assert answer.status_code == 303
    assert answer["Location"].startswith("https://as.example.invalid/authorize?")
    assert f"redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Foauth2%2Fcallback%2F{credential.pk}%2F" in answer["Location"]


def test_the_list_offers_it_in_the_upper_right_corner_to_whoever_may(cast: Cast) -> None:
    page = reverse("credentials:list", args=[cast.organization.pk])
    assert "Add Credentials" in words(window(cast.bob).get(page))
    assert reverse("credentials:add", args=[cast.organization.pk]) not in window(cast.vic).get(page).content.decode()


def test_back_keeps_what_was_entered_at_every_step(dialog: Dialog) -> None:
    dialog.to_resource()
    half = {**RESOURCE, "token_url": "not yet an address", "authorization_parameters": "prompt=consent", "use_pkce": ""}
    del half["use_pkce"]

    dialog.press(half, back=True)
    assert labels(dialog) == ["Redirect URI"]
    dialog.press(back=True)
    assert dialog.values() == BASICS
    dialog.press(BASICS)
    dialog.press()

    shown = dialog.values()
    assert shown == {**half, "client_secret": "", "use_pkce": ""}
    assert "configured" in words(dialog.page)


def test_back_from_the_first_unfinished_step_does_not_complain(dialog: Dialog) -> None:
    dialog.to_resource()
    answer = dialog.press({}, back=True)
    assert answer.status_code == 302
    assert not title(dialog.page).startswith("Error:")


def test_a_secret_that_was_entered_is_never_shown_again_and_blank_keeps_it(dialog: Dialog) -> None:
    dialog.to_resource()
    refused = dialog.press({**RESOURCE, "token_url": "http://plain.example"})
    assert refused.status_code == 200
    assert "canary-secret" not in refused.content.decode()
    assert "configured" in words(refused)

    dialog.press(RESOURCE, back=True)
    dialog.press()
    assert "canary-secret" not in dialog.page.content.decode()
    assert dialog.values()["client_secret"] == ""

    assert dialog.press({**RESOURCE, "client_secret": ""}).status_code == 303
    assert Credential.objects.get().open_secrets() == {"client_secret": "canary-secret"}


def test_a_secret_entered_again_replaces_the_one_before(dialog: Dialog) -> None:
    dialog.to_resource()
    dialog.press(RESOURCE, back=True)
    dialog.press()
    dialog.press({**RESOURCE, "client_secret": "the right one"})
    assert Credential.objects.get().open_secrets() == {"client_secret": "the right one"}


@pytest.mark.parametrize("back", [True, False])
def test_a_secret_that_was_refused_is_asked_for_again(dialog: Dialog, back: bool) -> None:
    dialog.to_resource()
    dialog.press({**RESOURCE, "client_secret": "two\nlines"}, back=back)
    if back:
        dialog.press()
    assert "configured" not in words(dialog.page)
    answer = dialog.press({**RESOURCE, "client_secret": ""})
    assert 'href="#id_client_secret"' in answer.content.decode()
    assert not Credential.objects.exists()


def test_a_refused_replacement_leaves_the_secret_that_was_entered_before(dialog: Dialog) -> None:
    dialog.to_resource()
    dialog.press(RESOURCE, back=True)
    dialog.press()
    refused = dialog.press({**RESOURCE, "client_secret": "two\nlines"})
    assert 'href="#id_client_secret"' in refused.content.decode()
    assert "configured" in words(refused)
    dialog.press({**RESOURCE, "client_secret": ""})
    assert Credential.objects.get().open_secrets() == {"client_secret": "canary-secret"}


def test_errors_are_summed_up_tied_to_their_fields_and_said_in_the_title(dialog: Dialog) -> None:
    answer = dialog.press({"name": "", "kind": "", "grant_type": ""})
    assert title(answer).startswith("Error: Add Credentials")
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert 'href="#id_name"' in page
    assert 'href="#id_kind"' in page
    for field in ("id_name", "id_kind"):
        described = re.search(rf'<(?:input|select)[^>]*id="{field}"[^>]*>', page)
        assert described
        assert 'aria-invalid="true"' in described[0]
        by = re.search(r'aria-describedby="([^"]+)"', described[0])
        assert by
        assert any(f'id="{name}"' in page for name in by[1].split())


def test_a_grant_type_is_asked_for_only_where_the_type_has_one(dialog: Dialog) -> None:
    missing = dialog.press({"name": "Salesforce", "kind": "oauth2"})
    assert 'href="#id_grant_type"' in missing.content.decode()
    nothing = dialog.press({"name": "Salesforce", "kind": ""})
    assert 'href="#id_grant_type"' not in nothing.content.decode()


@pytest.mark.parametrize(
    "basics", [{"kind": "saml"}, {"grant_type": "implicit"}, {"name": "x" * 256}, {"name": "   "}, {"name": "a\x00b"}]
)
def test_a_first_step_that_cannot_be_is_refused(dialog: Dialog, basics: dict[str, str]) -> None:
    answer = dialog.press({**BASICS, **basics})
    assert title(answer).startswith("Error:")
    assert len(dialog.values()) == 3


def test_an_error_behind_advanced_opens_it(dialog: Dialog) -> None:
    dialog.to_resource()
    fine = dialog.page.content.decode()
    answer = dialog.press({**RESOURCE, "authorization_parameters": "state=mine"})
    assert re.search(r'<details class="disclosure"\s*>', fine)
    assert re.search(r'<details class="disclosure" open\s*>', answer.content.decode())


def test_client_credentials_needs_nobody_at_the_resource_and_shows_its_progress(dialog: Dialog) -> None:
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    answer = dialog.press({**RESOURCE, "auth_url": ""})
    credential = Credential.objects.get()
    assert answer.status_code == 303
    assert answer["Location"].startswith(url("detail", credential) + "authorizations/")
    assert 'role="status"' in dialog.client.get(answer["Location"]).content.decode()


def test_in_the_dialog_the_last_button_sends_the_whole_window_away(cast: Cast) -> None:
    dialog = Dialog(Client(headers={"HX-Request": "true"}), cast.organization)
    dialog.client.force_login(cast.bob)
    dialog.page = dialog.client.get(dialog.add_url)
    dialog.to_resource()
    answer = dialog.press(RESOURCE)
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith("https://as.example.invalid/authorize?")
    assert answer.cookies["authorizing"].value
