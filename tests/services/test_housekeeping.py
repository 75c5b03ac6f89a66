"""What nobody needs any more is deleted, a batch at a time, and nothing that somebody still needs."""

from datetime import timedelta
from typing import Any

import pytest

from credentials.models import Authorization, Credential, OAuthToken, TokenEndpoint
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.endpoint import place_of
from credentials.oauth.errors import OAuthFailure
from credentials.services import account, breaker, endpoints, housekeeping, sweep
from tests.support.accounts import authorize_as, granted_by
from tests.support.journeys import access_of, authorized_credential, new_credential, received_authorization
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.tokens import elsewhere

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def ended_ago(days: int, **columns: Any) -> int:
    """Let every authorization have ended so long ago."""
    return Authorization.objects.update(finished_at=database_now() - days * DAY, **columns)


def delete() -> int:
    return housekeeping.delete_old_authorizations(database_now())


# Authorizations


@pytest.mark.parametrize("status", [AuthorizationStatus.SUCCEEDED, AuthorizationStatus.FAILED])
def test_an_authorization_is_deleted_90_days_after_it_ended(
    cast: Cast, token_server: LyingServer, status: AuthorizationStatus
) -> None:
    credential = authorized_credential(cast, token_server)
    ended_ago(89, status=status)
    assert delete() == 0
    ended_ago(91)
    assert delete() == 1
    assert not Authorization.objects.exists()
    credential.refresh_from_db()
    assert credential.status == "active"
    assert OAuthToken.objects.get(pk=credential.pk).attempts.count() == 1


def test_one_that_is_under_way_is_never_deleted(cast: Cast, token_server: LyingServer) -> None:
    received_authorization(cast, new_credential(cast, token_server.url("/token")))
    Authorization.objects.update(created_at=database_now() - 999 * DAY)
    assert delete() == 0


def test_the_sweep_deletes_a_batch_of_the_oldest(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        authorized_credential(cast, token_server)
    ended_ago(100)
    youngest = Authorization.objects.order_by("created_at").last()
    assert youngest is not None
    Authorization.objects.filter(pk=youngest.pk).update(finished_at=database_now() - 95 * DAY)
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    assert sweep.tidy().deleted == 2
    assert list(Authorization.objects.values_list("pk", flat=True)) == [youngest.pk]
    assert sweep.tidy().deleted == 1


def test_the_account_of_the_latest_is_remembered_however_old_it_is(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    ended_ago(1000)
    assert delete() == 0
    asked = authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2"))
    assert asked.status == AuthorizationStatus.ASKING


def test_a_later_account_lets_old_ones_go(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    other = new_credential(cast, token_server.url("/token"))
    for each in (credential, other):
        authorize_as(cast, each, token_server, granted_by("1", "canary-at-1"))
    ended_ago(91)
    recent = authorize_as(cast, credential, token_server, granted_by("1", "canary-at-2"))
    assert credential.authorizations.get() == recent
    assert other.authorizations.count() == 1
    Authorization.objects.filter(pk=recent.pk).update(finished_at=database_now() - 89 * DAY)
    authorize_as(cast, credential, token_server, granted_by("1", "canary-at-3"))
    assert credential.authorizations.count() == 2


def test_an_accepted_account_lets_old_ones_go_too(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    ended_ago(91)
    asked = authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2"))
    assert credential.authorizations.count() == 2
    account.use(access_of(cast), asked)
    assert credential.authorizations.get() == asked


# Token endpoints


@pytest.fixture
def endpoint() -> TokenEndpoint:
    """Nobody's."""
    return endpoints.found("https://as.example.com/token")


def tidied() -> list[str]:
    """Hosts that are left."""
    housekeeping.delete_unused_endpoints(database_now())
    return list(TokenEndpoint.objects.order_by("host").values_list("host", flat=True))


def test_an_endpoint_that_no_token_comes_from_is_deleted(endpoint: TokenEndpoint) -> None:
    assert tidied() == []


def test_one_that_a_token_comes_from_stays(cast: Cast, token_server: LyingServer, endpoint: TokenEndpoint) -> None:
    credential = authorized_credential(cast, token_server)
    TokenEndpoint.objects.update(answered_at=database_now() - 99 * DAY)
    host = place_of(token_server.url("/token"))[1]
    assert tidied() == [host]
    Credential.objects.filter(pk=credential.pk).delete()
    assert tidied() == []


@pytest.mark.parametrize(
    "known",
    [
        {"answered_at": timedelta(hours=23)},
        {"last_failed_at": timedelta(hours=23)},
        {"down_since": timedelta(days=3), "last_failed_at": timedelta(days=2)},
    ],
    ids=["it answered today", "it failed today", "it is down"],
)
def test_what_is_known_of_a_provider_is_not_forgotten_too_early(
    endpoint: TokenEndpoint, known: dict[str, timedelta]
) -> None:
    now = database_now()
    TokenEndpoint.objects.update(**{name: now - ago for name, ago in known.items()})
    assert len(tidied()) == 1
    TokenEndpoint.objects.update(answered_at=now - 2 * DAY, last_failed_at=now - 2 * DAY, down_since=None)
    assert tidied() == []


def test_endpoints_are_deleted_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        endpoints.found(f"https://as{number}.example.com/token")
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    assert housekeeping.delete_unused_endpoints(database_now()) == 2
    assert sweep.tidy().deleted == 1


def test_a_failure_of_one_that_was_deleted_meanwhile_is_nobodys(cast: Cast, endpoint: TokenEndpoint) -> None:
    assert tidied() == []
    failure = OAuthFailure("network", "", permanent=False)
    held = breaker.note_failure(endpoint, failure, token_id=cast.organization.pk, organization_id=cast.organization.pk)
    assert held is None


@pytest.mark.django_db(transaction=True)
def test_one_that_somebody_is_about_to_refer_to_is_found_again_or_made_anew(endpoint: TokenEndpoint) -> None:
    elsewhere(lambda: housekeeping.delete_unused_endpoints(database_now()))
    assert endpoints.found("https://as.example.com/token").pk != endpoint.pk
