"""Promise 37: a name is text and nothing else, wherever it shows."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from credentials.models import Credential
from credentials.templatetags.presentation import straight
from organizations import services
from organizations.audit import Actor
from organizations.models import Role
from tests.support.credentials import make_integration
from tests.support.journeys import new_credential
from tests.support.people import Cast, person
from tests.support.windows import authorize, come_back, list_url, title, url, window, words

pytestmark = pytest.mark.django_db

NAMES = {
    "image": '"><img src=x onerror=alert(1)>',
    "script": "</title></textarea><script>alert(1)</script>",
    "attribute": "' autofocus onfocus='alert(1)",
    "template": "{{ request.user }}{% now 'Y' %}",
    "right to left": "\u202egnp.exe\u2066orders",
    "emoji": "🦊" * 255,
    "entity": "&lt;b&gt;&#x3c;",
    "line breaks": "one\r\ntwo",
}


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def credential(request: pytest.FixtureRequest, cast: Cast) -> Credential:
    return new_credential(cast, "https://as.example.com/token", name=request.param)


def inert(page: HttpResponse, name: str) -> None:
    """The page shows the name as text, and what it holds of markup is the page's own."""
    text = page.content.decode()
    assert page.status_code == 200
    assert "<img src=x" not in text
    assert "<script>alert" not in text
    assert not re.search(r"<[^>\"]*(?:\"[^\"]*\"[^>\"]*)*\son(?:error|focus)=", text)
    shown = unescape(text)
    assert " ".join(name.split()) in " ".join(shown.split())


def test_promise_37_in_the_list_and_on_its_own_pages(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    for address in (list_url(cast.organization), *(url(name, credential) for name in ("detail", "edit", "delete"))):
        inert(bob.get(address), credential.name)


def test_promise_37_in_titles(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    for page in ("detail", "edit", "delete"):
        assert " ".join(credential.name.split()) in title(bob.get(url(page, credential)))


def test_promise_37_in_messages(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    form = {"version": 1, **credential.payload, "client_secret": "", "name": f"{credential.name[:240]} 2"}
    saved = bob.post(url("edit", credential), form)
    inert(bob.get(saved["Location"]), form["name"])
    deleted = bob.post(url("delete", credential))
    page = bob.get(deleted["Location"])
    assert "was deleted" in words(page)
    # Marks of direction would turn the rest of the sentence.
    inert(page, straight(form["name"]))


def test_while_it_is_authorized(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    answer = come_back(bob, credential, state=authorize(bob, credential).state, error="access_denied")
    inert(bob.get(answer["Location"]), credential.name)
    inert(bob.get(url("detail", credential)), credential.name)


def test_in_the_activity_of_the_organization(cast: Cast, credential: Credential) -> None:
    page = window(cast.alice).get(reverse("organizations:activity", args=[cast.organization.pk]))
    inert(page, credential.name[:40])


def test_in_the_search_field_and_the_filters(cast: Cast, credential: Credential) -> None:
    page = window(cast.bob).get(list_url(cast.organization), {"q": credential.name, "sort": credential.name})
    inert(page, credential.name)


def test_in_the_fields_of_a_form_that_was_refused(cast: Cast, credential: Credential) -> None:
    page = window(cast.bob).post(reverse("credentials:add", args=[cast.organization.pk]), {"name": credential.name})
    inert(page, credential.name)


def test_names_of_other_things_on_the_page_of_a_credential(cast: Cast) -> None:
    hostile = NAMES["image"]
    credential = new_credential(cast, "https://as.example.com/token", name="Orders", client_id=hostile, scope="x' y")
    make_integration(cast.organization, "https://api.example.com/", credential=credential, name=hostile)
    mallory = person(hostile[:150])
    services.add_member(Actor.command("demo"), cast.organization, mallory.username, Role.CREDENTIALS_MANAGER)
    Credential.objects.update(created_by=mallory, updated_by=mallory)
    for page in ("detail", "delete"):
        inert(window(cast.bob).get(url(page, credential)), hostile)


def test_a_hostile_name_goes_through_the_wizard_as_it_is(cast: Cast) -> None:
    for name in (NAMES["image"], NAMES["emoji"], NAMES["right to left"]):
        client: Client = window(cast.bob)
        basics = {"name": name, "kind": "oauth2", "grant_type": "client_credentials"}
        resource = client.post(reverse("credentials:add", args=[cast.organization.pk]), basics)["Location"]
        form = {"client_id": "c", "client_secret": "s", "token_url": "https://as.example.com/token"}
        assert client.post(resource, form).status_code == 303
    assert Credential.objects.count() == 3
    assert set(Credential.objects.values_list("name", flat=True)) == {
        NAMES["image"],
        NAMES["emoji"],
        NAMES["right to left"],
    }
