"""The navigation of an organization's pages."""

import uuid
from types import SimpleNamespace

import pytest
from django.urls import reverse

from organizations.models import Role
from organizations.policies import Action, allows
from organizations.templatetags.navigation import items

ORGANIZATION = uuid.UUID("6f3f6c0e-5d0c-4f4e-9d39-0d7d4a3a4b11")


def access(role: Role) -> SimpleNamespace:
    def may(action: Action) -> bool:
        return allows(role, action)

    return SimpleNamespace(organization=SimpleNamespace(pk=ORGANIZATION), may=may)


def labels(role: Role) -> list[str]:
    return [item.label for item in items(access(role), "/")]


def test_an_administrator_sees_everything_and_credentials_first() -> None:
    assert labels(Role.ADMINISTRATOR) == [
        "Credentials",
        "Integrations",
        "Domains",
        "Expiry",
        "Bots",
        "Members",
        "Service tokens",
        "Activity",
    ]


def test_a_viewer_is_offered_only_what_a_viewer_may_open() -> None:
    assert labels(Role.VIEWER) == ["Credentials", "Integrations", "Domains", "Expiry", "Bots"]


@pytest.mark.parametrize("below", ["", "add/", f"{ORGANIZATION}/edit/"])
def test_a_page_and_those_below_it_mark_their_entry_and_no_other(below: str) -> None:
    path = reverse("credentials:list", kwargs={"organization_id": ORGANIZATION}) + below
    assert [item.label for item in items(access(Role.ADMINISTRATOR), path) if item.current] == ["Credentials"]
