"""The queue is a hint: it is told after the commit, and what it does not hear is found by the sweep."""

from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.services import exchange, sweep, wake
from tests.support.journeys import access_token_of, new_credential, received_authorization
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    return new_credential(cast, token_server.url("/token"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", [OperationalError("connection refused"), ConnectionResetError()])
def test_promise_17_with_the_queue_down_the_answer_is_kept_and_the_sweep_finds_it(
    cast: Cast,
    credential: Credential,
    token_server: LyingServer,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(*args: Any, **kwargs: Any) -> None:
        raise trouble

    monkeypatch.setattr(current_app, "send_task", down)
    token_server.on("/token", token_answer("canary-at-1"))
    waiting = received_authorization(cast, credential)
    assert "The queue is not reachable" in caplog.text
    assert sweep.find().exchanges == [waiting]
    assert exchange.exchange(waiting)
    assert access_token_of(credential) == "canary-at-1"


@pytest.mark.django_db(transaction=True)
def test_the_worker_is_woken_when_the_answer_has_been_stored_and_not_before(
    cast: Cast, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(wake, "exchange", lambda pk: seen.append(Authorization.objects.get(pk=pk).status))
    received_authorization(cast, credential)
    assert seen == [AuthorizationStatus.RECEIVED]
