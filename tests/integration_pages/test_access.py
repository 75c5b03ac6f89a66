"""Who may see, change and call integrations."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration
from organizations.models import AuditEntry, Role
from organizations.policies import Action, allows
from tests.integration_pages.conftest import page
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


# Who may come in at all

PAGES: list[tuple[str, str, Action]] = [
    ("get", "", Action.SEE_INTEGRATIONS),
    ("get", "add/", Action.MANAGE_INTEGRATIONS),
    ("post", "add/", Action.MANAGE_INTEGRATIONS),
    ("get", "{}/", Action.SEE_INTEGRATIONS),
    ("get", "{}/edit/", Action.MANAGE_INTEGRATIONS),
    ("post", "{}/edit/", Action.MANAGE_INTEGRATIONS),
    ("get", "{}/delete/", Action.MANAGE_INTEGRATIONS),
    ("post", "{}/delete/", Action.MANAGE_INTEGRATIONS),
    ("post", "{}/test/", Action.CALL_INTEGRATIONS),
]


def rows(cast: Cast) -> tuple[Any, ...]:
    return tuple(ApiIntegration.objects.values_list()), AuditEntry.objects.filter(
        action__startswith="integration"
    ).count()


@pytest.mark.parametrize(("method", "path", "action"), PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_each_role_does_what_its_policy_says(
    cast: Cast,
    attached: ApiIntegration,
    sign_in: Callable[[User], Client],
    role: Role,
    method: str,
    path: str,
    action: Action,
) -> None:
    before = rows(cast)
    address = page(cast.organization) + path.format(attached.pk)
    answer = getattr(sign_in(cast.by_role(role)), method)(address)
    if allows(role, action):
        assert answer.status_code in {200, 303, 422}
    else:
        assert answer.status_code == 403
        assert rows(cast) == before
        assert AuditEntry.objects.of(cast.organization)[0].action == "access.denied"


@pytest.mark.parametrize(("method", "path", "action"), PAGES)
def test_an_outsider_finds_no_page(
    cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client], method: str, path: str, action: Action
) -> None:
    before = rows(cast)
    charlie = sign_in(cast.charlie)
    assert getattr(charlie, method)(page(cast.organization) + path.format(attached.pk)).status_code == 404
    if "{}" in path:
        # Charlie's own organization, but Alice's integration.
        own = page(cast.other_organization) + path.format(attached.pk)
        assert getattr(charlie, method)(own).status_code == 404
    assert rows(cast) == before


@pytest.mark.parametrize(("method", "path", "action"), PAGES)
def test_whoever_is_not_signed_in_is_sent_to_sign_in(
    cast: Cast, attached: ApiIntegration, method: str, path: str, action: Action
) -> None:
    answer = getattr(Client(), method)(page(cast.organization) + path.format(attached.pk))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("path", ["add/", "{}/edit/", "{}/delete/", "{}/test/"])
def test_nothing_is_changed_or_sent_without_a_csrf_token(cast: Cast, attached: ApiIntegration, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    before = rows(cast)
    assert client.post(page(cast.organization) + path.format(attached.pk)).status_code == 403
    assert rows(cast) == before


def test_a_test_request_is_a_post(cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]) -> None:
    assert sign_in(cast.dana).get(page(cast.organization, "test/", attached)).status_code == 405
