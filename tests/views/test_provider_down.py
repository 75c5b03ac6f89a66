"""What a person is told while a resource does not answer, and that they can retry all the same."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from credentials.models import Credential, TokenEndpoint
from credentials.models.clock import database_now
from tests.support.journeys import access_token_of, authorized_credential, token_of
from tests.support.lying_server import Answer, LyingServer, token_answer
from tests.support.people import Cast

SINCE = timedelta(minutes=12)


@pytest.fixture
def held(cast: Cast, token_server: LyingServer) -> Credential:
    """Its resource has not answered for twelve minutes."""
    credential = authorized_credential(cast, token_server)
    TokenEndpoint.objects.update(
        down_since=database_now() - SINCE,
        failures=3,
        several_tokens=True,
        last_error="timeout",
        probe_at=database_now() + timedelta(minutes=1),
    )
    return credential


def address(credential: Credential, name: str) -> str:
    return reverse(f"credentials:{name}", args=[credential.organization_id, credential.pk])


@pytest.mark.django_db
def test_the_page_says_since_when_and_that_nothing_needs_doing(
    client: Client, cast: Cast, held: Credential, token_server: LyingServer
) -> None:
    client.force_login(cast.bob)
    page = client.get(address(held, "detail")).content.decode()
    assert "The resource is not answering" in page
    assert f"{token_server.allow_entry} has not given an answer since" in page
    assert f"{database_now() - SINCE:%H:%M} UTC" in page
    assert "Nothing needs to be done" in page
    assert "Retry now" in page


@pytest.mark.django_db
def test_whoever_may_only_look_sees_no_button(client: Client, cast: Cast, held: Credential) -> None:
    client.force_login(cast.vic)
    page = client.get(address(held, "detail")).content.decode()
    assert "The resource is not answering" in page
    assert "Retry now" not in page
    assert client.post(address(held, "retry")).status_code == 403


@pytest.mark.django_db
def test_retry_now_asks_though_the_resource_was_taken_to_be_down(
    client: Client, cast: Cast, held: Credential, token_server: LyingServer
) -> None:
    client.force_login(cast.bob)
    token_server.on("/token", Answer(status=503), token_answer("canary-at-2"))
    page = client.post(address(held, "retry"), follow=True).content.decode()
    assert "did not answer this time either" in page
    assert token_of(held).generation == 1
    page = client.post(address(held, "retry"), follow=True).content.decode()
    assert "The access token has been renewed." in page
    assert "The resource is not answering" not in page
    assert access_token_of(held) == "canary-at-2"


@pytest.mark.django_db
def test_retrying_is_a_post(client: Client, cast: Cast, held: Credential) -> None:
    client.force_login(cast.bob)
    assert client.get(address(held, "retry")).status_code == 405
