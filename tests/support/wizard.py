"""The wizard and the edit page as a person without scripts uses them, for any type.

credential = add_by_wizard(client, cast.organization, "basic_authentication", {"user_name": …, "user_password": …})
answer = answer_step(client, organization, kind, {…})          # the last step's answer, whatever it is
answer = edit_by_page(client, credential, {"user_name": …})    # what is not named is left as the page shows it
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import Client

from credentials.models import Credential
from organizations.models import Organization

Fields = Mapping[str, Any]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pages(organization: Organization, rest: str = "") -> str:
    return f"/organizations/{organization.pk}/credentials/{rest}"


def last_step_address(client: Client, organization: Organization, kind: str, name: str = "") -> str:
    """Fill in the first step and return the address of the one after it."""
    basics = {"name": name or f"Credential {uuid4().hex[:8]}", "kind": kind}
    answer = client.post(pages(organization, "add/"), basics)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def answer_step(client: Client, organization: Organization, kind: str, fields: Fields, name: str = "") -> Any:
    """Walk a wizard of two steps to its end; the answer to the second one."""
    return client.post(last_step_address(client, organization, kind, name), fields)


def add_by_wizard(client: Client, organization: Organization, kind: str, fields: Fields, name: str = "") -> Credential:
    before = set(Credential.objects.values_list("pk", flat=True))
    answer = answer_step(client, organization, kind, fields, name)
    assert answer.status_code == 303, answer.content.decode()
    assert answer["Location"] == pages(organization)
    return Credential.objects.exclude(pk__in=before).get()


def edit_by_page(client: Client, credential: Credential, fields: Fields) -> Any:
    """Open the edit page, change `fields` and save."""
    address = pages(credential.organization, f"{credential.pk}/edit/")
    form = client.get(address).context["form"]
    shown = {bound.name: bound.value() for bound in form if bound.value() not in (None, False)}
    return client.post(address, {**shown, **fields})


def errors_of(answer: Any, field: str) -> str:
    """What the refused form says at a field, in one string."""
    return " ".join(answer.context["form"].errors.get(field, []))
