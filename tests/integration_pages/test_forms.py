"""Adding, editing, listing and deleting an integration."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration, Credential
from credentials.services import integrations
from credentials.services.integrations import Definition
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Bot
from tests.integration_pages.conftest import filled, page, text
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
    make_integration,
)
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


UNKNOWN = "00000000-0000-4000-8000-000000000005"
SECRETS = (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET)


def test_an_api_developer_adds_an_integration(bot: Bot, cast: Cast, sign_in: Callable[[User], Client]) -> None:
    credential = make_credential(cast.organization)
    form = filled(bot, credential=str(credential.pk), method="POST", body='{\r\n"a": 1}')
    answer = sign_in(cast.dana).post(page(cast.organization, "add/"), form)
    integration = ApiIntegration.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == page(cast.organization, integration=integration)
    assert integration.organization == cast.organization
    assert integration.headers == [["X-Brand", "golden"], ["X-Name", "{$botContext.name}"]]
    assert integration.parameters == [["limit", "5"], ["q", "a=b"]]
    assert integration.body == '{\n"a": 1}'
    assert integration.use_default_headers
    attached, created = AuditEntry.objects.of(cast.organization)[:2]
    assert (created.action, created.object_id) == ("integration.created", str(integration.pk))
    assert (attached.action, attached.object_id) == ("credential.attached", str(credential.pk))
    assert attached.details["host"] == "https://api.example.com:443"
    assert attached.actor_label == "dana"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "  ", "required"),
        ("bot", "", "required"),
        ("bot", UNKNOWN, "valid choice"),
        ("method", "TRACE", "valid choice"),
        ("url", "ftp://api.example.com/", "must begin with https://"),
        ("url", "http://api.example.com/", "must begin with https://"),
        ("url", "https://user:pw@api.example.com/", "user name"),
        ("url", "https://{$botContext.host}/", "host of the URL cannot be a variable"),
        ("url", "https://api.example.com/{$botContext.}", "A variable is written"),
        ("url", "https://api.example.com/#x", "fragment"),
        ("url", "https:///orders", "needs a host"),
        ("url", "https://[::1/", "not well-formed"),
        ("url", "javascript:alert(1)", "must begin with https://"),
        ("headers", "X-Brand", "Line 1 is not of the form Name: value"),
        ("headers", "X-Good: 1\nX Brand: golden", "is not the name of a header"),
        ("headers", "Host: evil.example", "is set by Bot Accounts"),
        ("headers", "content-length: 5", "is set by Bot Accounts"),
        ("headers", "X-Brand: a\x07b", "control character"),
        ("parameters", "limit", "Line 1 is not of the form name=value"),
        ("credential", UNKNOWN, "valid choice"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_nothing_is_made(
    bot: Bot, cast: Cast, sign_in: Callable[[User], Client], field: str, value: str, says: str
) -> None:
    answer = sign_in(cast.dana).post(page(cast.organization, "add/"), filled(bot, **{field: value}))
    assert answer.status_code == 422
    assert says in " ".join(answer.context["form"].errors[field])
    assert text(answer).split("<title>")[1].strip().startswith("Error:")
    assert not ApiIntegration.objects.exists()
    assert not AuditEntry.objects.filter(action="integration.created").exists()


def test_a_name_is_given_once_in_a_bot(bot: Bot, cast: Cast, sign_in: Callable[[User], Client]) -> None:
    client = sign_in(cast.dana)
    assert client.post(page(cast.organization, "add/"), filled(bot)).status_code == 303
    answer = client.post(page(cast.organization, "add/"), filled(bot))
    assert answer.status_code == 422
    assert "already" in answer.context["form"].errors["name"][0]
    assert ApiIntegration.objects.count() == 1


@pytest.mark.parametrize("field", ["bot", "credential"])
def test_promise_29_another_organizations_rows_cannot_be_chosen(
    bot: Bot, cast: Cast, sign_in: Callable[[User], Client], field: str
) -> None:
    theirs = (
        make_credential(cast.other_organization, "Charlie's")
        if field == "credential"
        else services.create_bot(Actor.command("test"), cast.other_organization, "Charlie's")
    )
    client = sign_in(cast.alice)
    answer = client.post(page(cast.organization, "add/"), filled(bot, **{field: str(theirs.pk)}))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not ApiIntegration.objects.exists()
    assert "Charlie" not in text(client.get(page(cast.organization, "add/")))


def test_the_service_refuses_them_as_well(bot: Bot, cast: Cast) -> None:
    definition = Definition(bot, "A", "GET", "https://h.example/", credential=make_credential(cast.other_organization))
    with pytest.raises(integrations.ValidationError) as refusal:
        integrations.create(Actor.command("test"), definition)
    assert "credential" in refusal.value.message_dict


def test_the_picker_shows_type_and_status(bot: Bot, cast: Cast, sign_in: Callable[[User], Client]) -> None:
    give_token(make_credential(cast.organization, "Orders"))
    shown = text(sign_in(cast.dana).get(page(cast.organization, "add/")))
    assert "Orders (OAuth 2.0, Client Credentials: Active)" in shown


def test_the_list_shows_bot_method_host_and_the_credential_with_its_status(
    cast: Cast, sign_in: Callable[[User], Client]
) -> None:
    credential = make_credential(cast.organization, "Orders")
    make_integration(
        cast.organization, "https://api.example.com:8443/secret-path/{$botContext.x}", credential=credential
    )
    make_integration(cast.organization, "https://other.example/", name="Bare")
    shown = text(sign_in(cast.vic).get(page(cast.organization)))
    for word in ("Look up an order", "Concierge", "GET", "api.example.com:8443", "Orders", "Active", "Bare"):
        assert word in shown
    assert "secret-path" not in shown
    assert "Add integration" not in shown


def test_the_list_costs_the_same_however_long_it_is(
    cast: Cast, sign_in: Callable[[User], Client], django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        credential = make_credential(cast.organization, f"Credential {number}")
        give_token(credential)
        make_integration(cast.organization, "https://h.example/", name=f"Call {number}", credential=credential)
    client = sign_in(cast.vic)
    with django_assert_max_num_queries(6):
        assert client.get(page(cast.organization)).status_code == 200


def test_an_edit_changes_what_was_changed_and_says_so(bot: Bot, cast: Cast, sign_in: Callable[[User], Client]) -> None:
    integration = make_integration(cast.organization, "https://api.example.com/orders/{$botContext.orderId}")
    client = sign_in(cast.dana)
    form = client.get(page(cast.organization, "edit/", integration)).context["form"]
    assert form["url"].value() == integration.url
    answer = client.post(
        page(cast.organization, "edit/", integration),
        filled(bot, name="Find an order", headers="", parameters="", version=form["version"].value()),
    )
    assert answer.status_code == 303
    integration.refresh_from_db()
    assert integration.name == "Find an order"
    entry = AuditEntry.objects.of(cast.organization)[0]
    assert (entry.action, entry.details["changed"]) == ("integration.edited", ["name"])


def test_the_later_of_two_who_edit_at_once_is_told_and_overwrites_nothing(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]
) -> None:
    address = page(cast.organization, "edit/", attached)
    dana, alice = sign_in(cast.dana), sign_in(cast.alice)
    seen = alice.get(address).context["form"]["version"].value()
    form = filled(bot, url=attached.url, credential=str(attached.credential_id), parameters="", version=seen)
    assert dana.post(address, {**form, "headers": "X-Brand: Dana's"}).status_code == 303
    answer = alice.post(address, {**form, "headers": "X-Brand: Alice's"})
    assert answer.status_code == 422
    assert "Somebody else has saved this meanwhile." in text(answer)
    assert "X-Brand: Alice&#x27;s" in text(answer)  # what was typed is still there
    attached.refresh_from_db()
    assert attached.headers == [["X-Brand", "Dana's"]]
    again = alice.get(address).context["form"]["version"].value()
    assert alice.post(address, {**form, "headers": "X-Brand: Alice's", "version": again}).status_code == 303


@pytest.mark.parametrize("version", ["", "x", "-1", "99999999999999999999"])
def test_a_version_that_nobody_was_given_is_refused(
    bot: Bot, cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client], version: str
) -> None:
    answer = sign_in(cast.dana).post(page(cast.organization, "edit/", attached), filled(bot, version=version))
    assert answer.status_code == 422
    attached.refresh_from_db()
    assert attached.url == "https://api.example.com/orders"


def test_deleting_asks_first_and_leaves_the_credential(
    cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]
) -> None:
    client, address = sign_in(cast.dana), page(cast.organization, "delete/", attached)
    assert client.get(address).status_code == 200
    assert ApiIntegration.objects.exists()
    answer = client.post(address)
    assert answer["Location"] == page(cast.organization)
    assert not ApiIntegration.objects.exists()
    assert Credential.objects.exists()
    detached, deleted = AuditEntry.objects.of(cast.organization)[:2]
    assert (deleted.action, detached.action) == ("integration.deleted", "credential.detached")


def test_the_page_of_one_shows_the_request_and_no_secret(
    cast: Cast, attached: ApiIntegration, sign_in: Callable[[User], Client]
) -> None:
    answer = sign_in(cast.vic).get(page(cast.organization, integration=attached))
    assert "https://api.example.com/orders" in text(answer)
    assert "Send test request" not in text(answer)
    assert not any(secret in text(answer) for secret in SECRETS)
    assert "no-store" in answer["Cache-Control"]


def test_hostile_names_are_inert(bot: Bot, cast: Cast, sign_in: Callable[[User], Client]) -> None:
    name = '"><img src=x onerror=alert(1)>\u202e'
    credential = make_credential(cast.organization, name)
    integration = make_integration(cast.organization, "https://h.example/", name=name, credential=credential)
    client = sign_in(cast.alice)
    for path in ("", "add/", f"{integration.pk}/", f"{integration.pk}/edit/", f"{integration.pk}/delete/"):
        assert "<img src=x" not in text(client.get(page(cast.organization) + path))


def test_what_is_typed_into_headers_is_not_in_the_activity(
    bot: Bot, cast: Cast, sign_in: Callable[[User], Client]
) -> None:
    sign_in(cast.dana).post(page(cast.organization, "add/"), filled(bot, headers="X-Key: word-of-a-header"))
    assert ApiIntegration.objects.exists()
    assert "word-of-a-header" not in str(list(AuditEntry.objects.values()))


def test_an_unknown_id_is_no_page(cast: Cast, sign_in: Callable[[User], Client]) -> None:
    assert sign_in(cast.alice).get(page(cast.organization) + f"{UNKNOWN}/").status_code == 404
