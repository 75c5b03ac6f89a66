"""What has been entered so far: sealed, of one person in one organization, gone after a while, not in the session."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from credentials.models import Credential, Draft
from organizations import services
from organizations.access import Access
from organizations.models import Membership, Role
from tests.support.people import Cast
from tests.support.windows import window, words
from tests.wizard.conftest import BASICS, RESOURCE, Dialog

pytestmark = pytest.mark.django_db


def test_what_was_entered_lies_sealed_in_the_database_and_not_in_the_session(dialog: Dialog) -> None:
    dialog.to_resource()
    dialog.press({**RESOURCE, "token_url": ""})
    draft = Draft.objects.get()
    assert draft.entered()["resource"]["values"]["client_secret"] == "canary-secret"
    stored = repr(list(Draft.objects.values())) + repr(list(Session.objects.values()))
    assert "canary-secret" not in stored
    assert "Salesforce" not in stored
    session = repr(dict(dialog.client.session))
    assert "canary-secret" not in session
    assert "client-1" not in session


def test_it_is_gone_once_it_has_become_a_credential(dialog: Dialog) -> None:
    dialog.to_resource()
    dialog.press(RESOURCE)
    assert Credential.objects.count() == 1
    assert not Draft.objects.exists()


def another_member(cast: Cast) -> tuple[object, object]:
    return cast.alice, cast.organization


def an_outsider_by_the_draft_owners_organization(cast: Cast) -> tuple[object, object]:
    return cast.charlie, cast.organization


def an_outsider_by_their_own_organization(cast: Cast) -> tuple[object, object]:
    return cast.charlie, cast.other_organization


@pytest.mark.parametrize(
    "somebody",
    [another_member, an_outsider_by_the_draft_owners_organization, an_outsider_by_their_own_organization],
)
@pytest.mark.parametrize("slug", ["basics", "redirect-uri", "resource"])
def test_nobody_else_sees_or_changes_it(
    dialog: Dialog, cast: Cast, somebody: Callable[[Cast], tuple[object, object]], slug: str
) -> None:
    dialog.to_resource()
    dialog.press(RESOURCE, back=True)
    draft = Draft.objects.get()
    user, organization = somebody(cast)
    client = window(user)  # type: ignore[arg-type]
    address = reverse("credentials:add-step", args=[organization.pk, draft.pk, slug])  # type: ignore[attr-defined]
    for answer in (client.get(address), client.post(address, {**BASICS, **RESOURCE})):
        assert answer.status_code in {302, 404}
        assert answer.headers.get("Location") in {None, reverse("credentials:add", args=[organization.pk])}  # type: ignore[attr-defined]
        assert "client-1" not in answer.content.decode()
    before = draft.data
    draft.refresh_from_db()
    assert draft.data == before
    assert not Credential.objects.exists()


def test_the_same_person_does_not_reach_it_from_another_organization(dialog: Dialog, cast: Cast) -> None:
    dialog.press(BASICS)
    Membership.objects.create(user=cast.bob, organization=cast.other_organization, role=Role.ADMINISTRATOR)
    address = reverse("credentials:add-step", args=[cast.other_organization.pk, Draft.objects.get().pk, "resource"])
    answer = dialog.client.post(address, RESOURCE)
    assert answer["Location"] == reverse("credentials:add", args=[cast.other_organization.pk])
    assert not Credential.objects.exists()


@pytest.mark.parametrize(("passed", "kept"), [(timedelta(hours=1, minutes=59), True), (timedelta(hours=2), False)])
def test_it_is_kept_for_two_hours(dialog: Dialog, passed: timedelta, kept: bool) -> None:
    dialog.press(BASICS)
    Draft.objects.update(expires_at=Draft.objects.get().expires_at - passed)
    answer = dialog.client.post(dialog.address)
    assert ("resource" in answer["Location"]) == kept
    if not kept:
        assert answer["Location"] == dialog.add_url
        assert "kept for two hours only" in words(dialog.client.get(dialog.add_url))


def test_one_that_cannot_be_opened_any_more_is_as_good_as_gone(dialog: Dialog) -> None:
    dialog.press(BASICS)
    Draft.objects.update(data="v1:lost:AAAA")
    answer = dialog.client.get(dialog.address)
    assert answer["Location"] == dialog.add_url


def test_each_wizard_has_a_draft_of_its_own(dialog: Dialog, cast: Cast) -> None:
    other = Dialog(dialog.client, cast.organization)
    dialog.press(BASICS)
    other.press({**BASICS, "name": "Another tab", "grant_type": "client_credentials"})
    dialog.press()
    assert dialog.press(RESOURCE).status_code == 303
    assert other.press(RESOURCE).status_code == 303
    assert set(Credential.objects.values_list("name", flat=True)) == {"Salesforce", "Another tab"}


def test_looking_at_the_first_step_stores_nothing(dialog: Dialog) -> None:
    assert not Draft.objects.exists()


@pytest.mark.parametrize(("name", "status"), [("dana", 403), ("vic", 403), ("charlie", 404)])
def test_whoever_does_not_manage_credentials_gets_no_wizard(cast: Cast, name: str, status: int) -> None:
    client = window(getattr(cast, name))
    add = reverse("credentials:add", args=[cast.organization.pk])
    step = reverse("credentials:add-step", args=[cast.organization.pk, uuid.uuid4(), "resource"])
    assert client.get(add).status_code == status
    assert client.post(add, BASICS).status_code == status
    assert client.get(step).status_code == status
    assert client.post(step, RESOURCE).status_code == status
    assert not Draft.objects.exists()


def test_a_role_that_was_taken_away_half_way_counts_at_once(dialog: Dialog, cast: Cast) -> None:
    dialog.to_resource()
    administrator = Access(cast.alice, cast.organization, Role.ADMINISTRATOR)
    membership = Membership.objects.get(user=cast.bob)
    services.change_role(administrator, membership, Role.VIEWER)
    assert dialog.client.post(dialog.address, RESOURCE).status_code == 403
    assert not Credential.objects.exists()


def test_who_is_not_signed_in_is_asked_to(cast: Cast) -> None:
    answer = window().get(reverse("credentials:add", args=[cast.organization.pk]))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_a_form_of_another_site_is_refused(cast: Cast) -> None:
    client = window(cast.bob, enforce_csrf_checks=True)
    assert client.post(reverse("credentials:add", args=[cast.organization.pk]), BASICS).status_code == 403
    assert not Draft.objects.exists()


def test_pages_that_hold_what_was_entered_are_not_stored_by_the_browser(dialog: Dialog) -> None:
    dialog.to_resource()
    assert "no-store" in dialog.page["Cache-Control"]


def test_drafts_that_have_ended_do_not_come_back(dialog: Dialog) -> None:
    dialog.to_resource()
    Draft.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    dialog.client.post(dialog.address, RESOURCE)
    assert not Credential.objects.exists()
