"""An edit never takes a credential to a new host by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration
from credentials.services import integrations
from credentials.services.integrations import Definition
from organizations.audit import Actor
from organizations.models import AuditEntry, Bot
from tests.integration_pages.conftest import filled, page, text
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def moved(bot: Bot, integration: ApiIntegration, url: str, **changes: Any) -> dict[str, Any]:
    seen = {"credential": str(integration.credential_id or ""), "version": integration.version}
    return filled(bot, url=url, headers="", parameters="", **seen, **changes)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/orders",
        "https://api.example.com.evil.example/orders",
        "https://api.example.com:8443/orders",
        "https://API.example.com@evil.example/",
    ],
)
def test_promise_30_an_edit_never_takes_a_credential_to_a_new_host(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client], url: str
) -> None:
    for user in (cast.dana, cast.alice):
        answer = sign_in(user).post(page(cast.organization, "edit/", attached), moved(bot, attached, url))
        assert answer.status_code == 422
        assert answer.context["form"].errors["url"]
        attached.refresh_from_db()
        assert attached.url == "https://api.example.com/orders"


@pytest.mark.parametrize("url", ["https://API.EXAMPLE.COM:443/other?x=1", "https://api.example.com./{$botContext.x}"])
def test_another_path_of_the_same_host_is_no_new_host(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client], url: str
) -> None:
    answer = sign_in(cast.dana).post(page(cast.organization, "edit/", attached), moved(bot, attached, url))
    assert answer.status_code == 303
    attached.refresh_from_db()
    assert attached.url == url
    assert attached.credential is not None


def test_an_api_developer_moves_it_without_the_credential_only(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]
) -> None:
    client, new_host = sign_in(cast.dana), "https://new.example/orders"
    refused = client.post(
        page(cast.organization, "edit/", attached),
        moved(bot, attached, new_host, confirmed_origin="https://new.example:443"),
    )
    assert refused.status_code == 422
    assert "confirmed_origin" not in refused.context["form"].fields
    answer = client.post(
        page(cast.organization, "edit/", attached), moved(bot, attached, new_host) | {"credential": ""}
    )
    assert answer.status_code == 303
    attached.refresh_from_db()
    assert (attached.url, attached.credential) == (new_host, None)
    assert AuditEntry.objects.of(cast.organization)[0].action == "credential.detached"


def test_an_administrator_confirms_the_new_host_by_its_name(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]
) -> None:
    client, address = sign_in(cast.alice), page(cast.organization, "edit/", attached)
    asked = client.post(address, moved(bot, attached, "https://new.example/orders"))
    assert asked.status_code == 422
    assert "Send this credential to https://new.example:443" in text(asked)
    # Ticked for one host, and then another one entered.
    elsewhere = client.post(
        address, moved(bot, attached, "https://evil.example/", confirmed_origin="https://new.example:443")
    )
    assert elsewhere.status_code == 422
    answer = client.post(
        address, moved(bot, attached, "https://new.example/orders", confirmed_origin="https://new.example:443")
    )
    assert answer.status_code == 303
    attached.refresh_from_db()
    assert attached.url == "https://new.example/orders"
    assert attached.credential is not None
    assert AuditEntry.objects.of(cast.organization)[0].details["host"] == "https://new.example:443"


def test_staff_in_the_admin_cannot_confirm_for_an_administrator(bot: Bot, attached: ApiIntegration) -> None:
    definition = Definition(bot, "A", "GET", "https://new.example/", credential=attached.credential)
    with pytest.raises(integrations.ValidationError):
        integrations.edit(Actor("user", "1", "staff"), attached, definition, confirmed_origin="https://new.example:443")
