"""The page that makes a service token: what it may do, and with which credentials."""

import json
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from credentials.models import Credential
from credentials.services import service_tokens
from credentials.views.service_tokens import CHECKBOXES_AT_MOST
from organizations.audit import Actor
from organizations.models import AuditEntry, Organization, ServiceToken
from organizations.scopes import HELP, Scope
from tests.support.credentials import make_credential
from tests.support.people import Cast
from tests.support.windows import window

pytestmark = pytest.mark.django_db


def add_url(organization: Organization) -> str:
    return f"/organizations/{organization.pk}/service-tokens/add/"


def said(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "name": "Platform", "expires": "90", "scopes": ["tokens:read"], **more}


def test_each_scope_is_a_checkbox_with_plain_help(cast: Cast) -> None:
    text = window(cast.alice).get(add_url(cast.organization)).content.decode()
    for scope in Scope:
        assert f'value="{scope}"' in text
        assert HELP[scope] in text


def test_what_is_chosen_is_what_the_token_may_do_and_stands_in_list_and_log(cast: Cast) -> None:
    orders = make_credential(cast.organization, "Orders")
    make_credential(cast.organization, "Mail")
    alice = window(cast.alice)
    chosen = said(scopes=["tokens:read", "domains:train"], credentials=["Orders"])
    assert alice.post(add_url(cast.organization), chosen).status_code == 200
    token = ServiceToken.objects.get()
    assert token.scopes == ["tokens:read", "domains:train"]
    assert token.credential_ids == [str(orders.pk)]
    listed = alice.get(add_url(cast.organization).removesuffix("add/")).content.decode()
    assert "domains:train" in listed
    assert "with 1 credential only" in listed
    details = AuditEntry.objects.get(action="service_token.created").details
    assert (details["scopes"], details["credentials"]) == (token.scopes, token.credential_ids)


def test_none_chosen_is_every_credential(cast: Cast) -> None:
    make_credential(cast.organization)
    window(cast.alice).post(add_url(cast.organization), said())
    assert ServiceToken.objects.get().credential_ids is None


@pytest.mark.parametrize("wrong", [{"scopes": ["everything"]}, {"scopes": []}, {"credentials": ["Elsewhere"]}])
def test_what_is_not_offered_makes_no_token(cast: Cast, wrong: dict[str, Any]) -> None:
    make_credential(cast.organization)
    make_credential(cast.other_organization, "Elsewhere")
    answer = window(cast.alice).post(add_url(cast.organization), said(**wrong))
    assert (answer.status_code, set(answer.context["form"].errors)) == (422, set(wrong))
    assert not ServiceToken.objects.exists()


def test_where_there_are_many_credentials_their_names_are_typed(cast: Cast) -> None:
    made = [make_credential(cast.organization, f"Credential {number}") for number in range(CHECKBOXES_AT_MOST + 1)]
    make_credential(cast.other_organization, "Elsewhere")
    alice = window(cast.alice)
    assert "<textarea" in alice.get(add_url(cast.organization)).content.decode()
    refused = alice.post(add_url(cast.organization), said(credentials="Credential 3\r\nElsewhere"))
    assert refused.context["form"].errors == {"credentials": ["There is no credential of this name: Elsewhere"]}
    alice.post(add_url(cast.organization), said(credentials="credential 3\r\n\r\n Credential 7 \r\n"))
    assert set(ServiceToken.objects.get().credential_ids) == {str(made[3].pk), str(made[7].pk)}


def test_a_restriction_to_what_another_organization_has_is_refused(cast: Cast) -> None:
    make_credential(cast.other_organization, "Elsewhere")
    until = timezone.now() + timedelta(days=1)
    with pytest.raises(ValidationError):
        service_tokens.create(Actor.command("test"), cast.organization, "x", until, names=["Elsewhere"])
    assert not ServiceToken.objects.exists()


def command(cast: Cast, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    organization = str(cast.organization.pk)
    call_command(
        "create_service_token", "--organization", organization, "--name", "x", "--json", *arguments, stdout=out
    )
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_the_command_takes_scopes_and_credentials(cast: Cast) -> None:
    orders: Credential = make_credential(cast.organization, "Orders")
    told = command(cast, "--scope", "tokens:read", "--scope", "credentials:read", "--credential", "Orders")
    assert told["scopes"] == ["credentials:read", "tokens:read"]
    assert told["credentials"] == [str(orders.pk)]
    assert command(cast)["scopes"] == list(Scope)


@pytest.mark.parametrize("arguments", [("--scope", "everything"), ("--credential", "Nothing")])
def test_the_command_refuses_what_there_is_not(cast: Cast, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        command(cast, *arguments)
    assert not ServiceToken.objects.exists()
