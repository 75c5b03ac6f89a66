"""A start without a key ends nothing for good: when the key is back, tokens are renewed as if nothing had been."""

import pytest
from django.db import OperationalError
from pytest_django import Settings

from botaccounts.celery import take_up_what_a_missing_key_ended
from credentials import runtime
from credentials.models import Credential, OAuthToken
from credentials.models.credential import Status
from credentials.services import activation, revive
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from tests.support.journeys import access_token_of, authorized_credential
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.product import new_credential_keys
from tests.support.tokens import make_ended

pytestmark = pytest.mark.django_db
WORKER = Actor.worker()


@pytest.fixture
def given_up(cast: Cast, token_server: LyingServer, settings: Settings) -> Credential:
    """Its renewal was due while its key was missing; now the key is back."""
    credential = authorized_credential(cast, token_server)
    make_ended(credential)
    right, settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS, new_credential_keys("another")
    token_server.requests.clear()
    assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert revive.with_the_keys_that_are_back() == 0
    assert token_server.requests == []
    settings.CREDENTIAL_KEYS = right
    token_server.on("/token", token_answer("canary-at-2"))
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.FAILED, "secrets_unreadable")
    return credential


def test_the_start_of_a_worker_takes_it_up_and_it_works_again(
    given_up: Credential, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("django.db.connection.close", lambda: None)
    with caplog.at_level("INFO"):
        take_up_what_a_missing_key_ended()
    assert "renewed again because the key of their secrets is back: 1" in caplog.text
    assert refresh(given_up.pk, actor=WORKER) is Outcome.RENEWED
    given_up.refresh_from_db()
    assert given_up.status == Status.ACTIVE
    assert access_token_of(given_up) == "canary-at-2"
    assert revive.with_the_keys_that_are_back() == 0


def test_a_bot_is_served_at_once(given_up: Credential) -> None:
    assert revive.with_the_keys_that_are_back() == 1
    token = runtime.make_ready(given_up, actor=WORKER).material.token
    assert token is not None
    assert token.access_token == "canary-at-2"


@pytest.mark.parametrize("column", ["secrets", "refresh_token"])
def test_what_another_lost_key_sealed_is_left_alone(given_up: Credential, column: str) -> None:
    rows = Credential.objects if column == "secrets" else OAuthToken.objects
    rows.update(**{column: "v1:lost:AAAA"})
    assert revive.with_the_keys_that_are_back() == 0


def test_what_ended_for_another_reason_or_was_deactivated_is_left_alone(given_up: Credential) -> None:
    activation.deactivate(WORKER, given_up)
    assert revive.with_the_keys_that_are_back() == 0
    Credential.objects.update(deactivated_at=None, status=Status.NEEDS_AUTHORIZATION, status_code="invalid_grant")
    assert revive.with_the_keys_that_are_back() == 0


def test_without_a_database_the_worker_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> int:
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.db.connection.close", lambda: None)
    monkeypatch.setattr(revive, "with_the_keys_that_are_back", down)
    take_up_what_a_missing_key_ended()
