"""Messages to a real receiver on loopback: signed, one after another, again with back-off, for 24 hours."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from credentials.models import Notice, Webhook, WebhookDelivery
from credentials.models.clock import database_now
from credentials.services import deliveries, mails, notices, sweep, wake, webhooks
from credentials.services.backoff import KEPT_TRYING, next_try
from organizations.access import Access
from tests.notices.conftest import Turn
from tests.support.credentials import make_credential
from tests.support.lying_server import Answer, LyingServer, Recorded, gzip_bomb, redirect_answer
from tests.support.people import Cast
from tests.support.tokens import at_once

pytestmark = pytest.mark.django_db
Hook = tuple[Webhook, str]
HOUR = timedelta(hours=1)


def documented_verify() -> Callable[..., None]:
    """The function that docs/api.md tells receivers to use, as it is written there."""
    text = (django_settings.BASE_DIR / "docs" / "api.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def verify" in block)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/api.md", "exec"), names)  # noqa: S102 - our own words, put to the proof
    found: Callable[..., None] = names["verify"]
    return found


verify = documented_verify()


def down(cast: Cast, host: str = "login.example.com") -> None:
    assert notices.provider_down(cast.organization, host)


def deliver() -> int:
    """What the sweep does about webhooks."""
    return sum(deliveries.deliver(each) for each in sweep.find().webhooks)


def row() -> WebhookDelivery:
    return WebhookDelivery.objects.select_related("webhook").get()


def test_a_message_is_signed_as_the_documentation_says_and_holds_ids_and_words(
    cast: Cast, hook: Hook, receiver: LyingServer
) -> None:
    credential = make_credential(cast.organization, "Orders")
    notices.needs_somebody(credential, "needs_authorization", "invalid_grant")  # type: ignore[arg-type]
    assert deliver() == 1
    (request,) = receiver.requests
    verify(hook[1], request.headers, request.body)
    notice = Notice.objects.get()
    assert request.headers["webhook-id"] == str(notice.pk)
    assert (request.method, request.target) == ("POST", "/hook?key=word-of-the-address")
    assert request.headers["content-type"] == "application/json"
    message = json.loads(request.body)
    assert message["type"] == "credential.needs_authorization"
    assert message["data"] == {
        "organization": str(cast.organization.pk),
        "credential": str(credential.pk),
        "name": "Orders",
        "status": "needs_authorization",
        "error": "invalid_grant",
    }
    assert (row().status, row().error, row().due_at) == (204, "", None)
    assert row().delivered_at
    assert deliver() == 0


@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret", "signature", "old"])
def test_what_was_tampered_with_does_not_verify(cast: Cast, hook: Hook, receiver: LyingServer, wrong: str) -> None:
    down(cast)
    deliver()
    (request,) = receiver.requests
    headers, body, secret = dict(request.headers), request.body, hook[1]
    verify(secret, headers, body)
    if wrong == "body":
        body = body.replace(b"login", b"evil1")
    elif wrong == "id":
        headers["webhook-id"] = "another"
    elif wrong == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif wrong == "secret":
        secret = "whsec_" + "A" * 43 + "="
    elif wrong == "old":
        headers["webhook-timestamp"] = str(int(time.time()) - 301)
    else:
        headers["webhook-signature"] = "v1,AAAA v2,BBBB"
    with pytest.raises(ValueError, match=r"wrong|too old"):
        verify(secret, headers, body)


def test_the_secret_is_sealed_and_in_no_row_of_the_outbox(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    down(cast)
    deliver()
    webhook, secret = hook
    webhook.refresh_from_db()
    assert secret.startswith("whsec_")
    assert webhook.secret.startswith("v1:")
    stored = repr([list(model.objects.values()) for model in (Webhook, Notice, WebhookDelivery)])
    assert secret.removeprefix("whsec_") not in stored
    assert "canary" not in repr([list(model.objects.values()) for model in (Notice, WebhookDelivery)])


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (Answer(status=500, body=b"canary of a receiver"), 500, "http_error"),
        (Answer(status=404), 404, "http_error"),
        (redirect_answer("https://elsewhere.example/"), 302, "http_error"),
        (Answer(raw=b""), None, "network"),
        (gzip_bomb(), None, "too_large"),
    ],
)
def test_what_is_no_success_is_noted_and_sent_again_under_the_same_id(
    cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn, answer: Answer, status: int | None, error: str
) -> None:
    receiver.answers(answer, Answer(status=200))
    down(cast)
    assert deliver() == 0
    assert (row().status, row().error, row().attempts) == (status, error, 1)
    assert deliver() == 0  # not before its time
    assert len(receiver.requests) == 1
    turn(timedelta(seconds=11))
    assert deliver() == 1
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert (row().error, row().attempts) == ("", 2)
    assert "canary" not in repr(list(WebhookDelivery.objects.values()))


def test_it_is_given_up_after_a_day_and_not_before(cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn) -> None:
    receiver.answers(Answer(status=503))
    down(cast)
    tries = []
    began = row().created_at
    for _ in range(24 * 4 + 8):
        deliver()
        tries.append(len(receiver.requests))
        if row().due_at is None:
            break
        turn(HOUR / 4)
    assert row().delivered_at is None
    assert row().due_at is None
    assert 8 <= tries[-1] <= 30
    assert deliveries.database_now() - began > timedelta(hours=21)
    turn(timedelta(days=2))
    assert deliver() == 0
    assert len(receiver.requests) == tries[-1]


def test_waits_grow_and_are_capped_and_obey_retry_after() -> None:
    now = database_now()
    waits = [((next_try(now, tries, since=now) or now) - now).total_seconds() for tries in range(1, 30)]
    assert 8 <= waits[0] <= 10
    assert max(waits) <= 7200
    assert waits[5] > waits[2] > waits[0]
    told = next_try(now, 1, since=now, retry_after=600.0)
    assert told is not None
    assert (told - now).total_seconds() == 600
    assert next_try(now, 1, since=now - KEPT_TRYING) is None


def test_a_receiver_that_asks_for_time_gets_it(cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn) -> None:
    receiver.answers(Answer(status=429, headers={"Retry-After": "600"}), Answer(status=200))
    down(cast)
    deliver()
    turn(timedelta(seconds=590))
    assert deliver() == 0
    turn(timedelta(seconds=15))
    assert deliver() == 1


def test_a_receiver_that_wants_no_more_of_it_is_not_asked_again(
    cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn
) -> None:
    receiver.answers(Answer(status=410))
    down(cast)
    deliver()
    assert (row().due_at, row().error) == (None, "gone")
    turn(HOUR)
    assert deliver() == 0


def test_a_receiver_that_is_down_is_tried_with_one_message_and_not_with_all(
    cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn
) -> None:
    receiver.answers(Answer(status=503))
    for number in range(20):
        down(cast, f"host{number}.example.com")
    deliver()
    assert len(receiver.requests) == 1
    turn(timedelta(seconds=11))
    down(cast, "another.example.com")
    deliver()
    assert len(receiver.requests) == 2
    receiver.answers(Answer(status=200))
    turn(HOUR)
    assert deliver() == 21
    webhook = Webhook.objects.get()
    assert (webhook.failures, webhook.blocked_until) == (0, None)


def test_a_message_that_is_refused_does_not_hold_up_the_others(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    def picky(request: Recorded) -> Answer:
        return Answer(status=400 if b"host0" in request.body else 200)

    receiver.answers(picky)
    for number in range(3):
        down(cast, f"host{number}.example.com")
    assert deliver() == 2


def test_messages_come_in_the_order_of_what_happened(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    down(cast)
    notices.provider_back(cast.organization, "login.example.com")
    deliver()
    assert [json.loads(each.body)["type"] for each in receiver.requests] == ["provider.down", "provider.back"]


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_deliver_each_message_once(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    for number in range(5):
        down(cast, f"host{number}.example.com")
    receiver.answers(Answer(status=200, wait=0.05))
    at_once([lambda: deliveries.deliver(hook[0].pk) for _ in range(4)])
    while deliver():
        pass
    ids = [each.headers["webhook-id"] for each in receiver.requests]
    assert len(ids) == len(set(ids)) == 5


def test_a_worker_that_died_with_the_claim_holds_it_for_a_minute(
    cast: Cast, hook: Hook, receiver: LyingServer, turn: Turn
) -> None:
    down(cast)
    Webhook.objects.update(claimed_until=database_now() + timedelta(seconds=60))
    assert sweep.find().webhooks == []
    assert deliveries.deliver(hook[0].pk) == 0
    turn(timedelta(seconds=61))
    assert deliver() == 1


def test_an_address_inside_is_refused_when_it_is_called(
    cast: Cast, hook: Hook, receiver: LyingServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = []
    down(cast)
    deliver()
    assert row().error == "blocked"
    assert receiver.requests == []


def test_a_secret_that_cannot_be_opened_sends_nothing_unsigned(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    other = Webhook(organization=cast.organization)
    other.seal("secret", "whsec_AAAA")
    Webhook.objects.update(secret=other.secret)
    down(cast)
    deliver()
    assert row().error == "secrets_unreadable"
    assert receiver.requests == []


def test_an_event_wakes_a_worker_after_the_commit_and_a_failing_address_is_left_to_the_sweep(
    cast: Cast,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(wake, "deliver", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        down(cast)
        assert woken == []
    assert woken == [hook[0].pk]
    Webhook.objects.update(blocked_until=database_now() + HOUR)
    with django_capture_on_commit_callbacks(execute=True):
        down(cast, "other.example.com")
    assert len(woken) == 1


def test_another_organization_hears_nothing(cast: Cast, hook: Hook, receiver: LyingServer) -> None:
    notices.provider_down(cast.other_organization, "login.example.com")
    assert deliver() == 0
    assert not WebhookDelivery.objects.exists()


def test_a_test_event_goes_to_the_webhook_alone_and_an_address_that_failed_is_tried_at_once(
    addressed: Cast, alice: Access, hook: Hook, receiver: LyingServer, turn: Turn
) -> None:
    Webhook.objects.update(blocked_until=database_now() + HOUR, failures=7)
    webhooks.send_test(alice, Webhook.objects.get())
    assert deliver() == 1
    assert json.loads(receiver.requests[0].body)["type"] == "webhook.test"
    turn(HOUR)
    assert mails.gather() == 0
