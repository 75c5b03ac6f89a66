"""*Send test request*."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from credentials.models import ApiIntegration
from organizations.models import AuditEntry
from tests.integration_pages.conftest import page, text
from tests.support.credentials import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    give_token,
    make_credential,
    make_integration,
)
from tests.support.lying_server import Answer, LyingServer, json_answer
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


UNKNOWN = "00000000-0000-4000-8000-000000000005"
SECRETS = (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET)


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
