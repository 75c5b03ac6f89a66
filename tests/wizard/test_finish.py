"""The end of the wizard: one credential with a free name, of steps that were all valid, however often it is sent."""

import pytest
from django.urls import reverse

from credentials.models import Authorization, Credential, Draft
from credentials.models.credential import Status
from tests.support.journeys import new_credential
from tests.support.people import Cast
from tests.support.windows import actions_about, title, url, words
from tests.wizard.conftest import BASICS, RESOURCE, Dialog

pytestmark = pytest.mark.django_db

TAKEN = "There is already a credential of this name in the organization."


def step(dialog: Dialog, slug: str) -> str:
    """The address of a step of the draft that the dialog is at."""
    return dialog.address.rpartition("/")[0].rpartition("/")[0] + f"/{slug}/"


def test_it_saves_what_was_entered_and_begins_the_authorization(dialog: Dialog, cast: Cast) -> None:
    dialog.to_resource()
    dialog.press({**RESOURCE, "authorization_parameters": "access_type=offline"})
    credential = Credential.objects.get()
    assert (credential.name, credential.kind, credential.status) == ("Salesforce", "oauth2", Status.AUTHORIZING)
    assert credential.payload == {
        "grant_type": "authorization_code",
        "client_id": "client-1",
        "scope": "read",
        "auth_url": "https://as.example.invalid/authorize",
        "token_url": "https://as.example.invalid/token",
        "use_pkce": True,
        "client_authentication": "basic",
        "authorization_parameters": "access_type=offline",
    }
    assert credential.open_secrets() == {"client_secret": "canary-secret"}
    assert (credential.organization, credential.account) == (cast.organization, cast.account)
    assert (credential.created_by, credential.updated_by) == (cast.bob, cast.bob)
    assert actions_about(credential.pk) == ["credential.created", "authorization.started"]


def test_pkce_can_be_switched_off_and_the_resource_is_not_told_of_any(dialog: Dialog) -> None:
    dialog.to_resource()
    answer = dialog.press({name: value for name, value in RESOURCE.items() if name != "use_pkce"})
    assert Credential.objects.get().payload["use_pkce"] is False
    assert answer["Location"].startswith("https://as.example.invalid/authorize?")
    assert "code_challenge" not in answer["Location"]


def test_a_name_that_is_taken_is_said_at_the_first_step(dialog: Dialog, cast: Cast) -> None:
    new_credential(cast, "https://as.example.invalid/token", name="SALESFORCE")
    answer = dialog.press(BASICS)
    assert TAKEN in words(answer)
    assert title(answer).startswith("Error:")
    assert dialog.values() == BASICS


def test_a_name_is_free_in_another_organization(dialog: Dialog, cast: Cast) -> None:
    elsewhere = new_credential(cast, "https://as.example.invalid/token", name="Salesforce")
    Credential.objects.filter(pk=elsewhere.pk).update(organization=cast.other_organization)
    assert dialog.press(BASICS).status_code == 302


def test_a_name_that_was_taken_meanwhile_leads_back_to_it_with_everything_kept(dialog: Dialog, cast: Cast) -> None:
    dialog.to_resource()
    new_credential(cast, "https://as.example.invalid/token", name="salesforce")

    dialog.press(RESOURCE)
    assert TAKEN in words(dialog.page)
    assert dialog.values() == BASICS
    assert Credential.objects.count() == 1

    dialog.press({**BASICS, "name": "Salesforce 2"})
    dialog.press()
    assert dialog.values() == {**RESOURCE, "client_secret": ""}
    assert dialog.press({**RESOURCE, "client_secret": ""}).status_code == 303
    made = Credential.objects.get(name="Salesforce 2")
    assert made.open_secrets() == {"client_secret": "canary-secret"}


def test_a_form_that_is_sent_twice_makes_one_credential(dialog: Dialog) -> None:
    dialog.to_resource()
    address = dialog.address
    first = dialog.client.post(address, RESOURCE)
    second = dialog.client.post(address, RESOURCE)
    credential = Credential.objects.get()
    assert first.status_code == second.status_code == 303
    assert second["Location"] == url("detail", credential)
    assert Authorization.objects.count() == 1
    assert actions_about(credential.pk).count("credential.created") == 1


def test_a_page_of_the_wizard_that_is_opened_after_its_end_leads_to_the_credential(dialog: Dialog) -> None:
    dialog.to_resource()
    address = dialog.address
    dialog.press(RESOURCE)
    assert dialog.client.get(address)["Location"] == url("detail", Credential.objects.get())


@pytest.mark.parametrize("slug", ["redirect-uri", "resource"])
def test_jumping_ahead_of_the_first_step_leads_back_to_it(dialog: Dialog, slug: str) -> None:
    dialog.press({**BASICS, "name": ""})
    ahead = step(dialog, slug)
    assert dialog.client.get(ahead)["Location"] == step(dialog, "basics")
    assert dialog.client.post(ahead, RESOURCE)["Location"] == step(dialog, "basics")
    assert not Credential.objects.exists()


@pytest.mark.parametrize("slug", ["nonsense", "redirect-uri"])
def test_a_step_that_this_type_does_not_have_leads_back_to_the_first(dialog: Dialog, slug: str) -> None:
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    assert dialog.client.post(step(dialog, slug), RESOURCE)["Location"] == step(dialog, "basics")
    assert not Credential.objects.exists()


def test_the_first_step_made_invalid_again_is_asked_for_again(dialog: Dialog) -> None:
    dialog.to_resource()
    address = dialog.address
    dialog.client.post(step(dialog, "basics"), {**BASICS, "name": ""})
    assert dialog.client.post(address, RESOURCE)["Location"] == step(dialog, "basics")
    assert not Credential.objects.exists()


def test_another_choice_at_the_first_step_puts_the_later_ones_to_the_proof_again(dialog: Dialog) -> None:
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    dialog.press({**RESOURCE, "auth_url": ""}, back=True)
    dialog.press(BASICS)
    dialog.press()
    assert dialog.values()["client_id"] == "client-1"
    answer = dialog.press({**RESOURCE, "auth_url": "", "client_secret": ""})
    assert 'href="#id_auth_url"' in answer.content.decode()
    assert dialog.press({**RESOURCE, "client_secret": ""}).status_code == 303
    credential = Credential.objects.get()
    assert credential.payload["auth_url"] == RESOURCE["auth_url"]
    assert credential.open_secrets() == {"client_secret": "canary-secret"}


def test_what_the_other_grant_asked_for_is_not_saved(dialog: Dialog) -> None:
    dialog.to_resource()
    dialog.press(RESOURCE, back=True)
    dialog.press(back=True)
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    dialog.press({**RESOURCE, "client_secret": ""})
    assert set(Credential.objects.get().payload) == {
        "grant_type",
        "client_id",
        "scope",
        "token_url",
        "client_authentication",
        "token_parameters",
    }


def test_a_valid_step_counts_no_more_once_the_choice_before_it_has_changed(dialog: Dialog) -> None:
    dialog.press({**BASICS, "grant_type": "client_credentials"})
    draft = Draft.objects.get()
    steps = draft.entered()
    steps["resource"] = {"values": {"client_id": "smuggled"}, "valid": True}
    draft.seal("data", steps)
    draft.save()
    dialog.client.post(step(dialog, "basics"), BASICS)
    draft.refresh_from_db()
    assert draft.entered()["resource"]["valid"] is False
    dialog.client.post(step(dialog, "basics"), BASICS)
    assert draft.entered()["resource"]["values"] == {"client_id": "smuggled"}


def test_the_same_choice_again_keeps_later_steps_valid(dialog: Dialog) -> None:
    dialog.press(BASICS)
    dialog.press()
    dialog.client.post(step(dialog, "basics"), BASICS)
    assert Draft.objects.get().entered()["redirect-uri"]["valid"] is True


def test_cancel_leads_to_the_list(dialog: Dialog, cast: Cast) -> None:
    dialog.to_resource()
    assert f'href="{reverse("credentials:list", args=[cast.organization.pk])}"' in dialog.page.content.decode()
