"""Right after an authorization: what was granted, whose account it is, and whether a refresh works."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from organizations.models import AuditEntry, Role
from tests.support.accounts import authorize_as, granted_by
from tests.support.journeys import access_token_of, authorized_credential, new_credential
from tests.support.lying_server import LyingServer, error_answer, token_answer
from tests.support.people import Cast
from tests.support.windows import url, window, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    return new_credential(cast, token_server.url("/token"), scope="read write")


@pytest.fixture
def asking(cast: Cast, credential: Credential, token_server: LyingServer) -> Authorization:
    """Account 2 has granted access where account 1 had."""
    authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    return authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2"))


def page_of(client: Client, credential: Credential, authorization: Authorization) -> str:
    answer = client.get(url("authorization", credential, authorization.pk))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "canary-at-1" not in text
    assert "canary-at-2" not in text
    return words(answer)


def granted(cast: Cast, credential: Credential, server: LyingServer, **members: Any) -> str:
    answer = token_answer("canary-at-1", **{"refresh_token": "canary-rt-1", "scope": "read write", **members})
    return page_of(window(cast.bob), credential, authorize_as(cast, credential, server, answer))


def moment_in(page: str) -> datetime:
    """When access ends, as the page says it."""
    told = re.search(r"Access token ends (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", page)
    assert told, page
    return datetime.fromisoformat(told[1]).replace(tzinfo=UTC)


def test_everything_that_was_asked_for_was_granted(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    before = timezone.now().replace(microsecond=0)
    page = granted(cast, credential, token_server, expires_in=5400)
    assert "Scope asked for read write" in page
    assert "Scope granted read write" in page
    assert "Refresh token issued" in page
    assert before <= moment_in(page) - timedelta(seconds=5400) <= timezone.now()
    assert "Test a refresh now" in page
    assert "Not granted" not in page
    assert "Granted beyond that" not in page
    assert "Less was granted" not in page


def test_the_difference_between_asked_and_granted_is_pointed_out(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    page = granted(cast, credential, token_server, scope="read,profile")
    assert "Not granted write" in page
    assert "Granted beyond that profile" in page
    assert "Less was granted than was asked for: write." in page


def test_a_scope_that_is_not_said_is_the_one_that_was_asked_for(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    page = granted(cast, credential, token_server, scope=None)
    assert "Scope granted as asked for: the resource named no other" in page
    assert "Not granted" not in page


@pytest.mark.parametrize(("refresh_token", "missing"), [("canary-rt-1", False), (None, True)])
def test_offline_access_was_granted_where_a_refresh_token_came(
    cast: Cast, token_server: LyingServer, refresh_token: str | None, missing: bool
) -> None:
    credential = new_credential(cast, token_server.url("/token"), scope="read offline_access")
    page = granted(cast, credential, token_server, scope="read", refresh_token=refresh_token)
    assert ("Not granted offline_access" in page) is missing


def test_without_a_refresh_token_the_page_says_what_that_means(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    page = granted(cast, credential, token_server, refresh_token=None, expires_in=None)
    assert "Refresh token not issued" in page
    assert "somebody has to authorize again. To have it renewed by itself" in page
    assert "Access token ends not said by the resource" in page
    assert "Test a refresh now" not in page


def test_client_credentials_renew_without_a_refresh_token(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, grant="client_credentials")
    page = page_of(window(cast.bob), credential, Authorization.objects.get())
    assert "Refresh token not issued" in page
    assert "It renews itself." in page
    assert "somebody has to authorize again" not in page
    assert "Test a refresh now" in page


def press_test(client: Client, credential: Credential, authorization: Authorization | None = None) -> str:
    """The page that *Test a refresh now* ends at."""
    form = {"authorization": str(authorization.pk)} if authorization else {}
    answer = client.post(url("test-refresh", credential), form)
    assert answer.status_code == 303
    where = url("authorization", credential, authorization.pk) if authorization else url("detail", credential)
    assert answer["Location"] == where
    shown = client.get(where)
    assert "canary-at-3" not in shown.content.decode()
    return words(shown)


def test_a_refresh_that_passes_is_said_and_recorded_as_the_persons(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    authorization = authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    token_server.on("/token", token_answer("canary-at-3", refresh_token="canary-rt-3"))
    page = press_test(window(cast.bob), credential, authorization)
    assert "The refresh passed: the resource gave a new access token, which ends at" in page
    assert "It replaced the refresh token as well." in page
    assert access_token_of(credential) == "canary-at-3"
    entry = AuditEntry.objects.filter(action="token.refreshed").get()
    assert (entry.actor_kind, entry.actor_label) == ("user", "bob")
    token_server.on("/token", token_answer("canary-at-3b"))
    assert "replaced" not in press_test(window(cast.bob), credential)


def test_a_refresh_that_the_resource_refuses_is_known_at_once(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    authorization = authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    token_server.on("/token", error_answer("invalid_grant", "unknown refresh token"))
    page = press_test(window(cast.bob), credential, authorization)
    assert "The refresh failed, and is not tried again" in page
    assert "unknown refresh token" in page
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION


def test_a_refresh_that_fails_for_now_leaves_the_credential_working(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    authorization = authorize_as(cast, credential, token_server, granted_by("1", "canary-at-1"))
    token_server.on("/token", error_answer("server_error", status=503))
    assert "It is tried again by itself." in press_test(window(cast.bob), credential, authorization)
    credential.refresh_from_db()
    assert (credential.status, access_token_of(credential)) == (Status.ACTIVE, "canary-at-1")


def test_without_a_token_there_is_nothing_to_test(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    assert "There is no token to renew yet." in press_test(window(cast.bob), credential)
    assert token_server.requests == []


def test_both_accounts_are_shown_and_nothing_is_changed(
    cast: Cast, credential: Credential, asking: Authorization
) -> None:
    page = page_of(window(cast.bob), credential, asking)
    assert "Another account than before" in page
    assert "Former account 1@example.com (subject 1)" in page
    assert "New account 2@example.com (subject 2)" in page
    assert "the credential goes on with the former account" in page
    assert page.index("Keep the former one") < page.index("Use this account")
    assert "Test a refresh now" not in page
    assert "Which account is right?" in words(window(cast.bob).get(url("detail", credential)))


def test_somebody_who_may_not_manage_sees_the_question_without_the_answers(
    cast: Cast, credential: Credential, asking: Authorization
) -> None:
    page = page_of(window(cast.vic), credential, asking)
    assert "Another account than before" in page
    assert "Use this account" not in page


def answer_with(client: Client, credential: Credential, asking: Authorization, choice: str) -> Any:
    return client.post(url("decide", credential, asking.pk), {"choice": choice}, follow=True)


def test_bob_uses_the_new_account(cast: Cast, credential: Credential, asking: Authorization) -> None:
    page = words(answer_with(window(cast.bob), credential, asking, "use"))
    assert "The credential acts for the new account from now on." in page
    assert "Account 2@example.com (subject 2)" in page
    assert access_token_of(credential) == "canary-at-2"
    assert "Which account is right?" not in words(window(cast.bob).get(url("detail", credential)))
    assert "nothing to decide any more" in words(answer_with(window(cast.alice), credential, asking, "keep"))
    assert access_token_of(credential) == "canary-at-2"


def test_bob_keeps_the_former_account(cast: Cast, credential: Credential, asking: Authorization) -> None:
    page = words(answer_with(window(cast.bob), credential, asking, "keep"))
    assert "The former account was kept." in page
    assert "The new account was not taken" in page
    assert "The credential goes on working as before." in page
    assert access_token_of(credential) == "canary-at-1"


def test_what_is_no_answer_changes_nothing(cast: Cast, credential: Credential, asking: Authorization) -> None:
    assert answer_with(window(cast.bob), credential, asking, "perhaps").status_code == 400
    asking.refresh_from_db()
    assert asking.status == AuthorizationStatus.ASKING


@pytest.mark.parametrize("role", [Role.API_DEVELOPER, Role.VIEWER])
def test_deciding_and_testing_are_for_those_who_manage_credentials(
    cast: Cast, credential: Credential, asking: Authorization, token_server: LyingServer, role: Role
) -> None:
    token_server.requests.clear()
    client = window(cast.by_role(role))
    assert client.post(url("decide", credential, asking.pk), {"choice": "use"}).status_code == 403
    assert client.post(url("test-refresh", credential)).status_code == 403
    assert token_server.requests == []
    assert access_token_of(credential) == "canary-at-1"


def test_another_organization_finds_neither(
    cast: Cast, credential: Credential, asking: Authorization, token_server: LyingServer
) -> None:
    token_server.requests.clear()
    charlie = window(cast.charlie)
    assert charlie.post(url("decide", credential, asking.pk), {"choice": "use"}).status_code == 404
    assert charlie.post(url("test-refresh", credential)).status_code == 404
    own = url("decide", credential, asking.pk).replace(str(cast.organization.pk), str(cast.other_organization.pk))
    assert charlie.post(own, {"choice": "use"}).status_code == 404
    assert token_server.requests == []


def test_both_are_posts_with_a_csrf_token(cast: Cast, credential: Credential, asking: Authorization) -> None:
    strict = window(cast.bob, enforce_csrf_checks=True)
    for address in (url("decide", credential, asking.pk), url("test-refresh", credential)):
        assert strict.get(address).status_code == 405
        assert strict.post(address, {"choice": "use"}).status_code == 403
