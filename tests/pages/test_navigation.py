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

    account = SimpleNamespace(number="12345566")
    return SimpleNamespace(organization=SimpleNamespace(pk=ORGANIZATION, account=account), may=may)


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
        "Identity provider",
    ]


def test_a_viewer_is_offered_only_what_a_viewer_may_open() -> None:
    assert labels(Role.VIEWER) == ["Credentials", "Integrations", "Domains", "Expiry", "Bots"]


@pytest.mark.parametrize("below", ["", "add/", f"{ORGANIZATION}/edit/"])
def test_a_page_and_those_below_it_mark_their_entry_and_no_other(below: str) -> None:
    path = reverse("credentials:list", kwargs={"organization_id": ORGANIZATION}) + below
    assert [item.label for item in items(access(Role.ADMINISTRATOR), path) if item.current] == ["Credentials"]


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_only_an_administrator_is_led_to_the_accounts_identity_provider(role: Role) -> None:
    assert "Identity provider" not in labels(role)


def test_the_accounts_page_marks_its_entry_and_keeps_the_organization_in_mind() -> None:
    (entry,) = [
        each for each in items(access(Role.ADMINISTRATOR), "/accounts/12345566/identity-provider/") if each.current
    ]
    assert (entry.label, entry.url) == (
        "Identity provider",
        f"/accounts/12345566/identity-provider/?organization={ORGANIZATION}",
    )
