"""Credentials in the Django admin: everything can be found and looked at, except secrets."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from credentials.crypto.fields import sealed_fields
from credentials.models import ApiIntegration, Authorization, Credential, Draft, OAuthToken, TokenAttempt
from credentials.models.token import Grant
from organizations.models import AuditEntry, Bot
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
    make_integration,
)
from tests.support.people import Cast
from tests.support.second_factor import sign_in_staff

pytestmark = pytest.mark.django_db

READ_ONLY = (Credential, OAuthToken, TokenAttempt, Authorization, Draft)
EVERYTHING = (*READ_ONLY, ApiIntegration)
SECRETS = (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET, "canary", "v1:")


@pytest.fixture
def staff(db: None) -> Client:
    return sign_in_staff(Client(), User.objects.create_superuser("root"))


@pytest.fixture
def rows(cast: Cast) -> dict[type[Model], Model]:
    """One of each, with canaries in what is sealed."""
    now = timezone.now()
    credential = make_credential(cast.organization, "Orders", created_by=cast.alice)
    token = give_token(credential)
    attempt = TokenAttempt(
        token=token, organization=cast.organization, grant=Grant.REFRESH_TOKEN, generation=1, started_at=now
    )
    attempt.seal("answer", {"access_token": "canary-answer"})
    attempt.save()
    authorization = Authorization(
        credential=credential,
        organization=cast.organization,
        user=cast.alice,
        state_digest="d" * 64,
        nonce_digest="e" * 64,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    authorization.seal("verifier", "canary-verifier")
    authorization.seal("code", "canary-code")
    authorization.save()
    draft = Draft(organization=cast.organization, owner=cast.alice, expires_at=now + timedelta(days=1))
    draft.seal("data", {"client_secret": "canary-draft"})
    draft.save()
    integration = make_integration(cast.organization, "https://api.example.com/orders", credential=credential)
    return {type(row): row for row in (credential, token, attempt, authorization, draft, integration)}


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", EVERYTHING)
def test_promise_25_staff_find_and_inspect_a_row_and_see_no_secret(
    staff: Client, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    row = rows[model]
    for path in (
        address(model, "changelist"),
        address(model, "changelist") + "?q=Orders",
        address(model, "change", row.pk),
        address(model, "history", row.pk),
    ):
        answer = staff.get(path)
        assert answer.status_code == 200, path
        shown = answer.content.decode()
        assert not [secret for secret in SECRETS if secret in shown], path


@pytest.mark.parametrize("model", EVERYTHING)
def test_a_row_is_found_by_its_organization(
    staff: Client, rows: dict[type[Model], Model], cast: Cast, model: type[Model]
) -> None:
    for organization, found in ((cast.organization, 1), (cast.other_organization, 0)):
        answer = staff.get(address(model, "changelist"), {"q": str(organization.pk)})
        assert answer.context["cl"].result_count == found


@pytest.mark.parametrize(
    ("model", "filters"),
    [
        (Credential, {"kind": "oauth2", "status__exact": "active"}),
        (OAuthToken, {"failures": "0"}),
        (TokenAttempt, {"state__exact": "started", "grant__exact": "refresh_token"}),
        (Authorization, {"status__exact": "started"}),
        (ApiIntegration, {"method__exact": "GET", "credential__isempty": "0"}),
    ],
)
def test_rows_are_filtered(
    staff: Client, rows: dict[type[Model], Model], model: type[Model], filters: dict[str, str]
) -> None:
    answer = staff.get(address(model, "changelist"), filters)
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == 1


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_is_read_only_cannot_be_changed(staff: Client, rows: dict[type[Model], Model], model: type[Model]) -> None:
    row = rows[model]
    before = model._base_manager.values().get(pk=row.pk)
    assert staff.get(address(model, "add")).status_code == 403
    assert staff.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert staff.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._base_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", EVERYTHING)
def test_a_member_who_is_no_staff_does_not_come_in(
    cast: Cast, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    client = Client()
    client.force_login(cast.alice)
    assert client.get(address(model, "changelist")).status_code == 302


def test_promise_25_no_admin_page_names_a_sealed_field() -> None:
    for model, field in sealed_fields():
        page = admin.site._registry.get(model)
        assert page is not None, model
        named = {*page.get_fields(None), *page.list_display, *page.search_fields}  # type: ignore[arg-type]
        assert field.name not in named


def form(bot: Bot, **changes: Any) -> dict[str, Any]:
    return {
        "bot": str(bot.pk),
        "name": "Place an order",
        "method": "POST",
        "url": "https://api.example.com/orders",
        "credential": "",
        "use_default_headers": "on",
        "headers": '[["X-Brand", "golden"]]',
        "parameters": "[]",
        "body": "",
        **changes,
    }


def test_staff_add_an_integration_through_its_service(
    staff: Client, rows: dict[type[Model], Model], cast: Cast
) -> None:
    bot = Bot.objects.get()
    answer = staff.post(address(ApiIntegration, "add"), form(bot))
    assert answer.status_code == 302
    made = ApiIntegration.objects.get(name="Place an order")
    assert made.organization == cast.organization
    assert made.headers == [["X-Brand", "golden"]]
    entry = AuditEntry.objects.of(cast.organization)[0]
    assert (entry.action, entry.actor_label, entry.object_id) == ("integration.created", "root", str(made.pk))


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": '{"X-Brand": "golden"}'},
        {"headers": '[["X-Brand"]]'},
        {"parameters": '[["limit", 5]]'},
        {"url": "http://10.0.0.1/"},
        {"url": "https://{$botContext.host}/"},
    ],
)
def test_what_cannot_be_is_refused_in_the_admin_as_well(
    staff: Client, rows: dict[type[Model], Model], changes: dict[str, str]
) -> None:
    staff.post(address(ApiIntegration, "add"), form(Bot.objects.get(), **changes))
    assert ApiIntegration.objects.count() == 1


@pytest.mark.parametrize("field", ["headers", "parameters"])
@pytest.mark.parametrize("text", ["[" * 100_000, '[["a", ' + "9" * 5000 + "]]"], ids=["nested", "digits"])
def test_promise_35_json_without_end_is_an_error_of_the_admins_form(
    staff: Client, rows: dict[type[Model], Model], field: str, text: str
) -> None:
    answer = staff.post(address(ApiIntegration, "add"), form(Bot.objects.get(), **{field: text}))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert ApiIntegration.objects.count() == 1


def test_another_organizations_credential_cannot_be_attached(
    staff: Client, rows: dict[type[Model], Model], cast: Cast
) -> None:
    theirs = make_credential(cast.other_organization)
    bot, integration = Bot.objects.get(), ApiIntegration.objects.get()
    staff.post(address(ApiIntegration, "add"), form(bot, credential=str(theirs.pk)))
    assert ApiIntegration.objects.count() == 1
    staff.post(address(ApiIntegration, "change", integration.pk), form(bot, credential=str(theirs.pk)))
    integration.refresh_from_db()
    assert integration.credential == rows[Credential]


def test_the_credential_does_not_go_to_a_new_host_by_the_admin_either(
    staff: Client, rows: dict[type[Model], Model]
) -> None:
    integration, credential = ApiIntegration.objects.get(), Credential.objects.get()
    changed = form(Bot.objects.get(), credential=str(credential.pk), url="https://evil.example/")
    answer = staff.post(address(ApiIntegration, "change", integration.pk), changed, follow=True)
    assert "another host" in answer.content.decode()
    integration.refresh_from_db()
    assert integration.url == "https://api.example.com/orders"


def test_staff_edit_and_delete_an_integration_and_that_is_recorded(
    staff: Client, rows: dict[type[Model], Model], cast: Cast
) -> None:
    integration = ApiIntegration.objects.get()
    staff.post(address(ApiIntegration, "change", integration.pk), form(integration.bot))
    integration.refresh_from_db()
    assert (integration.name, integration.credential) == ("Place an order", None)
    staff.post(address(ApiIntegration, "delete", integration.pk), {"post": "yes"})
    assert not ApiIntegration.objects.exists()
    actions = list(AuditEntry.objects.of(cast.organization).values_list("action", flat=True)[:3])
    assert actions == ["integration.deleted", "credential.detached", "integration.edited"]


def test_many_rows_cost_no_more_queries_than_few(staff: Client, cast: Cast, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        credential = make_credential(cast.organization, f"Credential {number}")
        give_token(credential)
        make_integration(cast.organization, "https://h.example/", name=f"Call {number}", credential=credential)
    for model in (Credential, OAuthToken, ApiIntegration):
        with django_assert_max_num_queries(8):
            staff.get(address(model, "changelist"))
