"""What goes through the queue: a name and an id, as JSON, with no result coming back."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from botaccounts.celery import app
from credentials import tasks
from credentials.models import Credential
from credentials.services import deliveries, exchange, mails, refresh, sweep, wake
from tests.support.journeys import access_token_of, authorized_credential, new_credential, received_authorization
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.tokens import make_due

EVERY_TASK = [
    tasks.exchange_code,
    tasks.take_up_exchange,
    tasks.refresh_token,
    tasks.deliver_to_webhook,
    tasks.send_mail,
]
Sent = list[tuple[str, str]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What was put into the queue: task name and id."""
    messages: Sent = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **options: messages.append((task, *args)))
    return messages


@pytest.mark.parametrize("wakes", [wake.exchange, wake.take_up, wake.refresh, wake.deliver, wake.send_mail])
def test_every_name_that_is_sent_is_a_task_that_workers_know(sent: Sent, wakes: Callable[[uuid.UUID], None]) -> None:
    wakes(uuid.uuid4())
    ((task, _),) = sent
    assert task in app.tasks


def test_the_sweep_that_beat_sends_is_a_task_that_workers_know() -> None:
    (entry,) = app.conf.beat_schedule.values()
    assert entry["task"] in app.tasks
    assert entry["schedule"] == 30.0


def test_promise_24_a_message_holds_an_id_and_nothing_else() -> None:
    row_id = uuid.uuid4()
    with Connection("memory://") as connection:
        current_app.send_task(
            "credentials.tasks.refresh_token", [str(row_id)], ignore_result=True, connection=connection
        )
        queue = connection.SimpleQueue(current_app.conf.task_default_queue)
        message = queue.get(timeout=1)
        queue.close()
    assert message.content_type == "application/json"
    arguments, named, _ = json.loads(message.body)
    assert (arguments, named) == ([str(row_id)], {})


def test_promise_24_workers_take_json_only_and_keep_no_results() -> None:
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None


@pytest.mark.parametrize(
    ("task", "module", "function"),
    [
        (tasks.exchange_code, exchange, "exchange"),
        (tasks.take_up_exchange, exchange, "take_up"),
        (tasks.refresh_token, refresh, "refresh"),
        (tasks.deliver_to_webhook, deliveries, "deliver"),
        (tasks.send_mail, mails, "send"),
    ],
)
def test_a_task_calls_its_service_with_the_id(
    monkeypatch: pytest.MonkeyPatch, task: Callable[[str], None], module: Any, function: str
) -> None:
    called: list[uuid.UUID] = []
    monkeypatch.setattr(module, function, lambda row_id, **how: called.append(row_id))
    row_id = uuid.uuid4()
    task(str(row_id))
    assert called == [row_id]


@pytest.mark.django_db
@pytest.mark.parametrize("task", EVERY_TASK)
def test_a_task_for_a_row_that_is_gone_does_nothing(task: Callable[[str], None]) -> None:
    task(str(uuid.uuid4()))


@pytest.mark.django_db
def test_a_sweep_wakes_a_worker_for_everything_that_is_waiting(
    cast: Cast, token_server: LyingServer, sent: Sent
) -> None:
    due = authorized_credential(cast, token_server)
    make_due(due)
    waiting = received_authorization(cast, new_credential(cast, token_server.url("/token")))
    tasks.sweep_all()
    assert sorted(sent) == [
        ("credentials.tasks.exchange_code", str(waiting)),
        ("credentials.tasks.refresh_token", str(due.pk)),
    ]


@pytest.fixture
def due(cast: Cast, token_server: LyingServer) -> Credential:
    credential = authorized_credential(cast, token_server)
    token_server.on("/token", token_answer("canary-at-2", refresh_token="canary-rt-2"), token_answer("canary-at-3"))
    make_due(credential)
    return credential


@pytest.mark.django_db
def test_promise_18_a_message_that_comes_twice_calls_the_provider_once(
    due: Credential, token_server: LyingServer
) -> None:
    for _ in range(2):
        tasks.refresh_token(str(due.pk))
    assert len(token_server.requests) == 1
    assert access_token_of(due) == "canary-at-2"


@pytest.mark.django_db
def test_promise_18_a_message_that_comes_after_its_work_was_done_calls_nobody(
    due: Credential, token_server: LyingServer
) -> None:
    refresh.refresh(due.pk, actor=refresh.Actor.worker())
    tasks.refresh_token(str(due.pk))
    assert sweep.find() == sweep.Work([], [], [])
    assert len(token_server.requests) == 1
