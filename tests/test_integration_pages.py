"""The pages of API integrations: who may do what, what is accepted, and where a credential may be sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration, Credential
from credentials.services import integrations
from credentials.services.integrations import Definition
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Bot, Organization, Role
from organizations.policies import Action, allows
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
    make_integration,
)
from tests.support.lying_server import Answer, LyingServer, json_answer, lying_server, serve
from tests.support.people import Cast

__all__ = ["lying_server", "serve"]

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-4000-8000-000000000005"
SECRETS = (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET)


@pytest.fixture
def bot(cast: Cast) -> Bot:
    return services.create_bot(Actor.command("test"), cast.organization, "Concierge")


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


def page(organization: Organization, rest: str = "", integration: ApiIntegration | None = None) -> str:
    middle = f"{integration.pk}/" if integration else ""
    return f"/organizations/{organization.pk}/integrations/{middle}{rest}"


def filled(its_bot: Bot, /, **changes: Any) -> dict[str, Any]:
    """What somebody posts who fills in the form; a field that is None is left out."""
    form = {
        "name": "Look up an order",
        "bot": str(its_bot.pk),
        "method": "GET",
        "url": "https://api.example.com/orders/{$botContext.orderId}",
        "credential": "",
        "use_default_headers": "on",
        "headers": "X-Brand: golden\r\nX-Name: {$botContext.name}",
        "parameters": "limit=5\r\nq=a=b",
        "body": "",
    }
    return {name: value for name, value in (form | changes).items() if value is not None}


def text(answer: Any) -> str:
    return str(answer.content.decode())


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
def test_another_organizations_rows_cannot_be_chosen(
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
        page(cast.organization, "edit/", integration), filled(bot, name="Find an order", headers="", parameters="")
    )
    assert answer.status_code == 303
    integration.refresh_from_db()
    assert integration.name == "Find an order"
    entry = AuditEntry.objects.of(cast.organization)[0]
    assert (entry.action, entry.details["changed"]) == ("integration.edited", ["name"])


@pytest.fixture
def attached(bot: Bot, cast: Cast) -> ApiIntegration:
    """An integration whose credential has a token."""
    credential = make_credential(cast.organization)
    give_token(credential)
    # Its variable keeps a test request without one from being sent.
    headers = [["X-Name", "{$botContext.name}"]]
    return make_integration(cast.organization, "https://api.example.com/orders", credential=credential, headers=headers)


def moved(bot: Bot, integration: ApiIntegration, url: str, **changes: Any) -> dict[str, Any]:
    return filled(bot, url=url, credential=str(integration.credential_id or ""), headers="", parameters="", **changes)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/orders",
        "https://api.example.com.evil.example/orders",
        "https://api.example.com:8443/orders",
        "https://API.example.com@evil.example/",
    ],
)
def test_an_edit_never_takes_a_credential_to_a_new_host(
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


@pytest.fixture
def tryable(cast: Cast, lying_server: LyingServer, settings: Any) -> ApiIntegration:
    """An integration of a server that answers, with a credential that has a token."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    credential = make_credential(cast.organization, token_url=lying_server.url("/token"))
    give_token(credential)
    return make_integration(cast.organization, lying_server.url("/orders/{$botContext.orderId}"), credential=credential)


def send(client: Client, cast: Cast, integration: ApiIntegration, variables: str = "orderId=A-1") -> Any:
    return client.post(page(cast.organization, "test/", integration), {"variables": variables})


def test_a_test_request_shows_what_came_back_and_what_was_attached(
    cast: Cast, tryable: ApiIntegration, lying_server: LyingServer, sign_in: Callable[[User], Client]
) -> None:
    def echo(request: Any) -> Answer:
        return json_answer({"order": "<b>A-1</b>" + "x" * 5000, "sent": request.headers}, headers={"X-Trace": "t-77"})

    lying_server.answers(echo)
    client = sign_in(cast.dana)
    assert "orderId=" in text(client.get(page(cast.organization, integration=tryable)))
    answer = send(client, cast, tryable)
    assert answer.status_code == 200
    shown = text(answer)
    for word in ("200", " ms in 1 attempt", "X-Trace: t-77", "Authorization: Bearer ••••", "&lt;b&gt;A-1"):
        assert word in shown
    assert len(answer.context["result"].body_start) == 2000
    assert not any(secret in shown for secret in SECRETS)
    assert "no-store" in answer["Cache-Control"]
    assert AuditEntry.objects.of(cast.organization).filter(action="integration.called", actor_label="dana").exists()


def test_a_test_request_that_finds_nobody_says_why(
    cast: Cast, tryable: ApiIntegration, sign_in: Callable[[User], Client], settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    answer = send(sign_in(cast.alice), cast, tryable)
    assert answer.status_code == 200
    assert "may not be called" in text(answer)
    assert "no answer" in text(answer)


@pytest.mark.parametrize("variables", ["", "other=1", "orderId=..", "orderId", "orderId="])
def test_variables_are_corrected_before_anything_is_sent(
    cast: Cast,
    tryable: ApiIntegration,
    lying_server: LyingServer,
    sign_in: Callable[[User], Client],
    variables: str,
) -> None:
    answer = send(sign_in(cast.dana), cast, tryable, variables)
    assert answer.status_code == 422
    assert answer.context["form"].errors["variables"]
    assert answer.context["form"]["variables"].value() == variables
    assert lying_server.requests == []


def test_without_authorization_a_test_request_says_what_to_do(
    cast: Cast, tryable: ApiIntegration, lying_server: LyingServer, sign_in: Callable[[User], Client]
) -> None:
    tryable.credential = make_credential(cast.organization, "New")
    tryable.save()
    answer = send(sign_in(cast.dana), cast, tryable)
    assert answer.status_code == 200
    assert "needs authorization" in text(answer)
    assert lying_server.requests == []


def test_while_the_provider_is_down_a_test_request_says_so(
    cast: Cast, tryable: ApiIntegration, lying_server: LyingServer, sign_in: Callable[[User], Client]
) -> None:
    credential = make_credential(cast.organization, "Old", token_url=lying_server.url("/token"))
    give_token(credential, expires_in=timedelta(seconds=-1))
    lying_server.on("/token", Answer(status=503))
    tryable.credential = credential
    tryable.save()
    assert "cannot be renewed right now" in text(send(sign_in(cast.dana), cast, tryable))


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
    sign_in(cast.dana).post(page(cast.organization, "add/"), filled(bot, headers="X-Key: canary-header"))
    assert ApiIntegration.objects.exists()
    assert "canary" not in str(list(AuditEntry.objects.values()))


def test_an_unknown_id_is_no_page(cast: Cast, sign_in: Callable[[User], Client]) -> None:
    assert sign_in(cast.alice).get(page(cast.organization) + f"{UNKNOWN}/").status_code == 404
