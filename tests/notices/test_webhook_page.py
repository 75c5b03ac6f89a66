"""The page of a webhook: its secret is shown once, another host gets another one, and administrators alone come in."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from credentials.models import Notice, Webhook, WebhookDelivery
from credentials.services import deliveries, notices, sweep
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Role, ServiceToken
from tests.notices.test_deliveries import verify
from tests.support.lying_server import Answer, LyingServer
from tests.support.people import Cast
from tests.support.windows import window, words

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/in?key=word-of-the-address"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return window(cast.alice)


@pytest.fixture
def token(cast: Cast) -> ServiceToken:
    made, _ = services.create_service_token(
        Actor.command("demo"), cast.organization, "Shop", timezone.now() + timedelta(days=90)
    )
    return made


@pytest.fixture(params=["organization", "service token"])
def path(request: pytest.FixtureRequest, cast: Cast, token: ServiceToken) -> str:
    """The page of each kind of webhook."""
    inside = "" if request.param == "organization" else f"service-tokens/{token.pk}/"
    return f"/organizations/{cast.organization.pk}/{inside}webhook/"


def secret_in(answer: Any) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', answer.content.decode())
    return found[1] if found else ""


def actions() -> list[str]:
    rows = AuditEntry.objects.filter(object_type="webhook").exclude(action="webhook.viewed").order_by("position")
    return list(rows.values_list("action", flat=True))


def test_the_secret_is_shown_once(alice: Client, path: str) -> None:
    answer = alice.post(path, {"url": URL})
    secret = secret_in(answer)
    assert secret
    assert "no-store" in answer["Cache-Control"]
    assert Webhook.objects.get().unseal("secret") == secret
    again = alice.get(path)
    assert secret not in again.content.decode()
    assert "configured" in words(again)
    assert actions() == ["webhook.created"]


def test_another_path_on_the_same_host_keeps_the_secret_and_another_host_demands_a_new_one(
    alice: Client, path: str
) -> None:
    first = secret_in(alice.post(path, {"url": URL}))
    for same in ("https://HOOKS.example.com/other", "https://hooks.example.com:443/"):
        answer = alice.post(path, {"url": same})
        assert (answer.status_code, secret_in(answer)) == (303, "")
    assert Webhook.objects.get().unseal("secret") == first
    # The last two are two names in the DNS, though Python writes both in the same small letters.
    elsewheres = ("https://evil.example.com/in", "https://evil.example.com:8443/in")
    for elsewhere in (*elsewheres, "https://ΑΣ-5.example/in", "https://ας-5.example/in"):
        second = secret_in(alice.post(path, {"url": elsewhere}))
        assert second not in ("", first)
        assert Webhook.objects.get().unseal("secret") == second


def test_what_waited_for_the_old_host_is_not_sent_to_the_new_one(
    cast: Cast, alice: Client, receiver: LyingServer
) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    alice.post(path, {"url": URL})
    notices.provider_down(cast.organization, "login.example.com")
    alice.post(path, {"url": receiver.url("/hook")})
    assert sweep.find().webhooks == []
    assert "leads to another host now" in words(alice.get(path))


def test_a_new_secret_counts_at_once(cast: Cast, alice: Client, receiver: LyingServer) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    first = secret_in(alice.post(path, {"url": receiver.url("/hook")}))
    assert alice.get(f"{path}secret/").status_code == 200
    second = secret_in(alice.post(f"{path}secret/"))
    assert second not in ("", first)
    notices.provider_down(cast.organization, "login.example.com")
    deliveries.deliver(Webhook.objects.get().pk)
    [message] = receiver.requests
    for secret in (first, second):
        verify(secret, message.headers, message.body)
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    assert actions() == ["webhook.created", "webhook.secret_replaced"]


def test_a_day_after_it_was_replaced_the_former_secret_signs_nothing_and_is_erased(
    cast: Cast, alice: Client, receiver: LyingServer
) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    first = secret_in(alice.post(path, {"url": receiver.url("/hook")}))
    second = secret_in(alice.post(f"{path}secret/"))
    assert "signed with the one before, too" in words(alice.get(path))
    Webhook.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert "signed with the one before" not in words(alice.get(path))
    notices.provider_down(cast.organization, "login.example.com")
    deliveries.deliver(Webhook.objects.get().pk)
    [message] = receiver.requests
    verify(second, message.headers, message.body)
    with pytest.raises(ValueError, match="signature is wrong"):
        verify(first, message.headers, message.body)
    sweep.tidy()
    stored = Webhook.objects.get()
    assert (stored.previous_secret, stored.previous_until) == ("", None)
    assert stored.unseal("secret") == second


def test_of_two_replacements_within_a_day_the_latter_two_secrets_sign(cast: Cast, alice: Client) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    alice.post(path, {"url": URL})
    _, *latter = [secret_in(alice.post(f"{path}secret/")) for _ in range(3)]
    assert deliveries.secrets_of(Webhook.objects.get()) == latter[::-1]


def test_another_host_never_sees_a_signature_with_a_former_secret(cast: Cast, alice: Client) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    alice.post(path, {"url": URL})
    alice.post(f"{path}secret/")
    new = secret_in(alice.post(path, {"url": "https://other.example.com/hook"}))
    assert deliveries.secrets_of(Webhook.objects.get()) == [new]


def test_a_secret_that_cannot_be_opened_is_replaced_without_an_overlap(cast: Cast, alice: Client) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    alice.post(path, {"url": URL})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE credentials_webhook SET secret = 'v1:lost:AAAA'")
    new = secret_in(alice.post(f"{path}secret/"))
    assert deliveries.secrets_of(Webhook.objects.get()) == [new]


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "ftp://x.example.com/", "https://u:p@x.example.com/", ""])
def test_an_address_that_may_not_be_called_is_refused_in_the_form(alice: Client, path: str, url: str) -> None:
    answer = alice.post(path, {"url": url})
    assert answer.status_code == 422
    assert "There is a problem" in words(answer)
    assert not Webhook.objects.exists()


def test_the_log_of_changes_has_the_host_and_not_the_rest_of_the_address(alice: Client, path: str) -> None:
    alice.post(path, {"url": URL})
    alice.post(f"{path}test/")
    alice.post(f"{path}remove/")
    kept = repr(list(AuditEntry.objects.values()))
    assert "https://hooks.example.com" in kept
    assert "word-of-the-address" not in kept
    assert "whsec_" not in kept
    assert actions() == ["webhook.created", "webhook.tested", "webhook.removed"]
    assert not WebhookDelivery.objects.exists()


def test_a_test_event_shows_in_the_log_with_what_came_of_it(cast: Cast, alice: Client, receiver: LyingServer) -> None:
    path = f"/organizations/{cast.organization.pk}/webhook/"
    alice.post(path, {"url": receiver.url("/hook")})
    assert alice.post(f"{path}test/").status_code == 303
    assert "webhook.test" in words(alice.get(path))
    assert "Waiting" in words(alice.get(path))
    receiver.answers(Answer(status=500), Answer(status=200))
    deliveries.deliver(Webhook.objects.get().pk)
    assert "Will be sent again" in words(alice.get(path))
    assert "it answered 500" in words(alice.get(path))
    Webhook.objects.update(blocked_until=None)
    WebhookDelivery.objects.update(due_at=timezone.now())
    deliveries.deliver(Webhook.objects.get().pk)
    assert re.search(r"Delivered it answered 200, \d+ ms, 2 attempts", words(alice.get(path)))
    assert str(Notice.objects.get().pk) in words(alice.get(path))


@pytest.mark.parametrize("page", ["", "secret/", "test/", "remove/"])
@pytest.mark.parametrize("role", [Role.CREDENTIALS_MANAGER, Role.API_DEVELOPER, Role.VIEWER])
def test_nobody_but_administrators_comes_in(cast: Cast, alice: Client, path: str, page: str, role: Role) -> None:
    alice.post(path, {"url": URL})
    before = Webhook.objects.values().get()
    visitor = window(cast.by_role(role))
    assert visitor.post(path + page, {"url": "https://evil.example.com/"}).status_code == 403
    assert "word-of-the-address" not in visitor.get(path + page).content.decode()
    assert Webhook.objects.values().get() == before
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("page", ["", "secret/", "test/", "remove/"])
def test_outsiders_and_service_tokens_of_others_lead_nowhere(
    cast: Cast, alice: Client, path: str, token: ServiceToken, page: str
) -> None:
    alice.post(path, {"url": URL})
    charlie = window(cast.charlie)
    theirs = f"/organizations/{cast.other_organization.pk}/service-tokens/{token.pk}/webhook/"
    for address in (path, theirs):
        assert charlie.post(address + page, {"url": "https://evil.example.com/"}).status_code == 404
    assert Webhook.objects.get().url == URL


def test_sending_a_test_is_a_post_with_a_token(cast: Cast, alice: Client, path: str) -> None:
    alice.post(path, {"url": URL})
    assert alice.get(f"{path}test/").status_code == 405
    assert window(cast.alice, enforce_csrf_checks=True).post(f"{path}test/").status_code == 403
    assert not WebhookDelivery.objects.exists()


def test_where_there_is_no_webhook_there_is_nothing_to_do(alice: Client, path: str) -> None:
    for page in ("secret/", "test/", "remove/"):
        assert alice.post(path + page).status_code == 404


def test_each_service_token_and_the_organization_have_one_of_their_own(
    cast: Cast, alice: Client, token: ServiceToken
) -> None:
    base = f"/organizations/{cast.organization.pk}/"
    for inside in ("webhook/", f"service-tokens/{token.pk}/webhook/"):
        for _ in range(2):
            alice.post(base + inside, {"url": URL})
    assert Webhook.objects.count() == 2
    assert f"service-tokens/{token.pk}/webhook/" in alice.get(f"{base}service-tokens/").content.decode()


def test_the_switch_for_mails_is_each_persons_own(cast: Cast, alice: Client) -> None:
    path = f"/organizations/{cast.organization.pk}/notices/"
    assert window(cast.vic).get(path).status_code == 403
    assert window(cast.charlie).get(path).status_code == 404
    assert "No e-mail address is known of you" in words(alice.get(path))
    bob = window(cast.bob)
    assert bob.post(path, {"mails": "off"}).status_code == 303
    assert "Switch mails on" in words(bob.get(path))
    assert "Switch mails off" in words(alice.get(path))
    bob.post(path, {"mails": "on"})
    assert "Switch mails off" in words(bob.get(path))
    assert bob.post(path, {"mails": "sideways"}).status_code == 200


def test_the_page_of_notices_shows_those_of_the_organization(cast: Cast) -> None:
    notices.provider_down(cast.organization, "login.example.com")
    notices.provider_down(cast.other_organization, "theirs.example.com")
    text = words(window(cast.bob).get(f"/organizations/{cast.organization.pk}/notices/"))
    assert "login.example.com is down" in text
    assert "theirs" not in text
