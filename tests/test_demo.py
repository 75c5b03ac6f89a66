"""`manage.py demo`: what `make run` and scripts rely on."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from credentials.models import ApiIntegration, Credential
from organizations.models import Account, AuditEntry, Bot, Membership, Organization, ServiceToken
from organizations.services import authenticate_service_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """Hashing is slow on purpose, and not what is tested here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def demo(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("demo", "--json", *arguments, stdout=output)
    made: dict[str, Any] = json.loads(output.getvalue())
    return made


def test_it_prints_one_object_with_everything_that_a_script_needs() -> None:
    made = demo()
    assert made["url"] == "http://127.0.0.1:8000"
    assert made["account_number"] == "12345566"
    organization = Organization.objects.get(pk=made["organization_id"])
    assert organization.name == "Sample organization"
    assert organization.account.name == "Sample Brand"
    assert Bot.objects.get(pk=made["bot_id"]).organization == organization
    assert str(ApiIntegration.objects.get(pk=made["integration_id"]).bot_id) == made["bot_id"]
    assert [(user["username"], user["role"]) for user in made["users"]] == [
        ("alice", "administrator"),
        ("bob", "credentials_manager"),
        ("dana", "api_developer"),
        ("vic", "viewer"),
    ]
    token = authenticate_service_token(made["service_token"])
    assert token is not None
    assert token.organization == organization


def test_everybody_can_sign_in_with_the_printed_password() -> None:
    made = demo()
    for person in [*made["users"], made["outsider"]]:
        assert len(person["password"]) >= 16
        answer = Client().post("/accounts/login/", {"username": person["username"], "password": person["password"]})
        assert answer.status_code == 302, person["username"]


def test_the_outsider_belongs_to_another_organization_only() -> None:
    made = demo()
    belongs_to = Membership.objects.filter(user__username="charlie").values_list("organization_id", flat=True)
    assert [str(each) for each in belongs_to] == [made["outsider"]["organization_id"]]
    assert made["outsider"]["organization_id"] != made["organization_id"]


def test_a_second_run_changes_nothing_but_adds_a_service_token() -> None:
    first, second = demo(), demo()
    assert first.pop("service_token") != second.pop("service_token")
    assert first == second
    assert Account.objects.count() == 2
    assert Membership.objects.count() == 5
    assert ApiIntegration.objects.count() == 1
    assert set(ServiceToken.objects.values_list("name", flat=True)) == {"demo"}
    actions = AuditEntry.objects.exclude(action="service_token.created").values_list("action", "object_id")
    assert len(actions) == len(set(actions))


def test_a_person_who_was_disabled_or_changed_their_password_is_let_in_again(django_user_model: Any) -> None:
    made = demo()
    bob = django_user_model.objects.get(username="bob")
    bob.is_active = False
    bob.set_password("something else entirely")
    bob.save()
    assert demo()["users"] == made["users"]
    bob.refresh_from_db()
    assert bob.is_active
    assert bob.check_password(made["users"][1]["password"])


def test_the_integration_looks_up_an_order_at_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9123/")
    integration = ApiIntegration.objects.get(pk=demo()["integration_id"])
    assert (integration.name, integration.method) == ("Look up an order", "GET")
    assert integration.url == "http://127.0.0.1:9123/api/orders/{$botContext.orderId}"
    assert integration.credential is None


def test_the_integration_follows_the_sandbox_to_another_port_as_long_as_nothing_is_attached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9123")
    integration = ApiIntegration.objects.get(pk=demo()["integration_id"])
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9124")
    assert demo()["integration_id"] == str(integration.pk)
    integration.refresh_from_db()
    assert integration.url.startswith("http://127.0.0.1:9124/")
    integration.credential = Credential.objects.create(
        organization=integration.organization, account=integration.organization.account, name="Orders", kind="oauth2"
    )
    integration.save()
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9125")
    demo()
    integration.refresh_from_db()
    assert integration.url.startswith("http://127.0.0.1:9124/")


@pytest.mark.parametrize("url", ["https://127.0.0.1", "http://bots.example.com", "http://192.0.2.7:8000"])
def test_it_refuses_where_others_may_reach_the_installation(url: str, settings: Any) -> None:
    settings.PUBLIC_URL = url
    with pytest.raises(CommandError, match="--force"):
        demo()
    assert not Account.objects.exists()
    assert demo("--force")["url"] == url


def test_passwords_hang_on_the_secret_key(settings: Any) -> None:
    before = demo()["users"]
    settings.SECRET_KEY = "another secret key of an installation, fifty letters"
    assert all(old["password"] != new["password"] for old, new in zip(before, demo()["users"], strict=True))


def test_for_people_it_prints_a_table() -> None:
    output = StringIO()
    call_command("demo", stdout=output)
    lines = output.getvalue().splitlines()
    assert lines[0] == "http://127.0.0.1:8000"
    assert any(line.split()[:1] == ["alice"] and line.endswith("administrator") for line in lines)
    assert any(line.startswith("service token") and "bat_" in line for line in lines)
