"""Re-authorizing as another account: noticed, asked about, and the former one goes on until somebody answers."""

from datetime import timedelta
from typing import Any

import pytest

from credentials.models import Authorization, Credential, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.token import AttemptState
from credentials.oauth.discovery import Metadata
from credentials.services import account, authorize, sweep
from credentials.services.edit import forget_tokens
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from tests.support.accounts import ISSUER, authorize_as, granted_by, id_token
from tests.support.journeys import access_of, access_token_of, new_credential, refresh_token_of, token_of
from tests.support.lying_server import LyingServer, json_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import make_due
from tests.support.windows import actions_about

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    """Authorized by account 1."""
    made = new_credential(cast, token_server.url("/token"))
    first = authorize_as(cast, made, token_server, granted_by("1", "canary-at-1"))
    assert (first.status, first.account_issuer, first.account_subject) == (AuthorizationStatus.SUCCEEDED, ISSUER, "1")
    assert first.account_name == "1@example.com"
    return made


@pytest.fixture
def asking(cast: Cast, credential: Credential, token_server: LyingServer) -> Authorization:
    """Account 2 has granted access, and nobody has answered."""
    authorization = authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2", expires_in=600))
    assert authorization.status == AuthorizationStatus.ASKING
    return authorization


def kept(authorization: Authorization) -> list[tuple[str, bool]]:
    """State of each attempt, and whether an answer is kept."""
    return [(each.state, bool(each.answer)) for each in TokenAttempt.objects.filter(authorization=authorization)]


def test_the_same_account_is_not_asked_about(cast: Cast, credential: Credential, token_server: LyingServer) -> None:
    again = authorize_as(cast, credential, token_server, granted_by("1", "canary-at-2"))
    assert again.status == AuthorizationStatus.SUCCEEDED
    assert access_token_of(credential) == "canary-at-2"


def test_another_account_changes_nothing_before_somebody_answers(asking: Authorization, credential: Credential) -> None:
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-1", "canary-rt-of-canary-at-1")
    assert (credential.status, credential.status_code) == (Status.ACTIVE, "")
    assert kept(asking) == [(AttemptState.ANSWERED, True)]
    assert (asking.code, asking.verifier) == ("", "")
    assert actions_about(credential.pk)[-1] == "authorization.another_account"
    stored = str(list(Authorization.objects.values())) + str(list(TokenAttempt.objects.values()))
    assert "canary-at-2" not in stored


def test_the_former_token_is_renewed_meanwhile_and_the_grant_stays_aside(
    asking: Authorization, credential: Credential, token_server: LyingServer
) -> None:
    make_due(credential)
    token_server.on("/token", token_answer("canary-at-1b"))
    assert refresh(credential.pk, actor=Actor.worker()) is Outcome.RENEWED
    assert access_token_of(credential) == "canary-at-1b"
    assert kept(asking) == [(AttemptState.ANSWERED, True)]


def test_the_new_account_is_used_once_somebody_says_so(
    cast: Cast, asking: Authorization, credential: Credential
) -> None:
    account.use(access_of(cast, cast.alice), asking)
    token = token_of(credential)
    assert (access_token_of(credential), refresh_token_of(credential)) == ("canary-at-2", "canary-rt-of-canary-at-2")
    assert token.expires_at is not None
    assert token.expires_at <= database_now() + timedelta(seconds=600)
    asking.refresh_from_db()
    assert asking.status == AuthorizationStatus.SUCCEEDED
    assert kept(asking) == [(AttemptState.APPLIED, False)]
    assert actions_about(credential.pk)[-2:] == ["authorization.account_accepted", "token.obtained"]
    with pytest.raises(account.Answered):
        account.use(access_of(cast), asking)
    with pytest.raises(account.Answered):
        account.keep_former(access_of(cast), asking)


def test_the_lifetime_of_a_grant_that_was_kept_aside_began_when_it_was_given(
    cast: Cast, asking: Authorization, credential: Credential
) -> None:
    TokenAttempt.objects.filter(authorization=asking).update(started_at=database_now() - timedelta(seconds=500))
    account.use(access_of(cast), asking)
    ends = token_of(credential).expires_at
    assert ends is not None
    assert ends <= database_now() + timedelta(seconds=101)


def test_the_account_that_was_accepted_is_the_former_one_of_the_next_time(
    cast: Cast, asking: Authorization, credential: Credential, token_server: LyingServer
) -> None:
    account.use(access_of(cast), asking)
    assert (
        authorize_as(cast, credential, token_server, granted_by("2", "canary-at-3")).status
        == AuthorizationStatus.SUCCEEDED
    )
    assert (
        authorize_as(cast, credential, token_server, granted_by("1", "canary-at-4")).status
        == AuthorizationStatus.ASKING
    )


def test_keeping_the_former_one_erases_the_grant(cast: Cast, asking: Authorization, credential: Credential) -> None:
    account.keep_former(access_of(cast), asking)
    credential.refresh_from_db()
    asking.refresh_from_db()
    assert (asking.status, asking.error) == (AuthorizationStatus.FAILED, "another_account")
    assert kept(asking) == [(AttemptState.FAILED, False)]
    assert (credential.status, access_token_of(credential)) == (Status.ACTIVE, "canary-at-1")
    assert actions_about(credential.pk)[-1] == "authorization.failed"
    with pytest.raises(account.Answered):
        account.use(access_of(cast), asking)


def test_the_grant_that_was_turned_down_is_revoked_where_that_can_be_done(
    cast: Cast, asking: Authorization, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Metadata("i", "a", None, token_server.url("/revoke"), iss_parameter_supported=False)
    monkeypatch.setattr("credentials.services.delete.discover", lambda auth_url: found)
    Credential.objects.filter(pk=asking.credential_id).update(
        payload=asking.credential.payload | {"auth_url": "https://as.example.com/authorize"}
    )
    token_server.on("/revoke", json_answer({}))
    assert account.keep_former(access_of(cast), asking).value.endswith("revoked at the resource.")
    assert token_server.requests[-1].form["token"] == "canary-rt-of-canary-at-2"


def test_without_an_answer_the_former_account_stays_and_the_grant_is_erased(
    asking: Authorization, credential: Credential
) -> None:
    sweep.tidy()
    assert kept(asking) == [(AttemptState.ANSWERED, True)]
    Authorization.objects.filter(pk=asking.pk).update(expires_at=database_now() - timedelta(seconds=1))
    sweep.tidy()
    asking.refresh_from_db()
    assert (asking.status, asking.error) == (AuthorizationStatus.FAILED, "another_account")
    assert kept(asking) == [(AttemptState.FAILED, False)]
    assert access_token_of(credential) == "canary-at-1"


@pytest.mark.parametrize(("subject", "status"), [("1", "succeeded"), ("3", "asking")])
def test_a_later_authorization_takes_the_place_of_a_question(
    cast: Cast, asking: Authorization, credential: Credential, token_server: LyingServer, subject: str, status: str
) -> None:
    later = authorize_as(cast, credential, token_server, granted_by(subject, "canary-at-3"))
    asking.refresh_from_db()
    assert (asking.status, asking.error) == (AuthorizationStatus.FAILED, "superseded")
    assert kept(asking) == [(AttemptState.FAILED, False)]
    assert later.status == status
    assert account.question_of(credential) == (later if status == "asking" else None)


def test_an_edit_ends_a_question_and_erases_the_grant(asking: Authorization, credential: Credential) -> None:
    forget_tokens(credential)
    asking.refresh_from_db()
    assert (asking.status, asking.error) == (AuthorizationStatus.FAILED, "changed")
    assert kept(asking) == [(AttemptState.FAILED, False)]


def test_also_where_the_former_grant_has_ended_somebody_is_asked(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    forget_tokens(credential)
    asking = authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2"))
    assert asking.status == AuthorizationStatus.ASKING
    assert (credential.status, credential.status_code) == (Status.NEEDS_AUTHORIZATION, "account_in_question")
    account.use(access_of(cast), asking)
    credential.refresh_from_db()
    assert (credential.status, access_token_of(credential)) == (Status.ACTIVE, "canary-at-2")


def test_turning_it_down_where_the_former_grant_has_ended_says_what_to_do(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    forget_tokens(credential)
    account.keep_former(access_of(cast), authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2")))
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.NEEDS_AUTHORIZATION, "another_account")


@pytest.mark.parametrize(
    "members",
    [
        {"id_token": None},
        {"id_token": "nonsense"},
        {"id_token": "a.b.c"},
        {"id_token": id_token("2", aud="another client")},
        {"id_token": id_token("2", exp=1)},
        {"id_token": id_token(2)},
        {"id_token": id_token("2" * 300)},
        {"id_token": id_token("2\n")},
        {"id_token": id_token("2", iss=None)},
    ],
)
def test_an_answer_that_names_nobody_is_no_reason_to_ask(
    cast: Cast, credential: Credential, token_server: LyingServer, members: dict[str, Any]
) -> None:
    """The grant is as good as ever; who it is of is not known, and nothing is remembered of it."""
    again = authorize_as(cast, credential, token_server, granted_by("2", "canary-at-2", **members))
    assert (again.status, again.account_subject, again.account_name) == (AuthorizationStatus.SUCCEEDED, "", "")
    assert access_token_of(credential) == "canary-at-2"


def test_the_last_account_that_is_known_counts(cast: Cast, credential: Credential, token_server: LyingServer) -> None:
    authorize_as(cast, credential, token_server, granted_by("1", "canary-at-2", id_token=None))
    assert (
        authorize_as(cast, credential, token_server, granted_by("2", "canary-at-3")).status
        == AuthorizationStatus.ASKING
    )


def test_the_same_subject_of_another_issuer_is_another_account(
    cast: Cast, credential: Credential, token_server: LyingServer
) -> None:
    elsewhere = granted_by("1", "canary-at-2", id_token=id_token("1", iss="https://other.example.com"))
    assert authorize_as(cast, credential, token_server, elsewhere).status == AuthorizationStatus.ASKING


def at_userinfo(server: LyingServer, monkeypatch: pytest.MonkeyPatch, host: str = "127.0.0.1") -> None:
    """The server publishes a userinfo endpoint."""
    found = Metadata(
        ISSUER, "a", None, None, iss_parameter_supported=False, userinfo_endpoint=server.url("/me", host=host)
    )
    monkeypatch.setattr(authorize, "discover", lambda auth_url: found)


def test_without_an_id_token_the_userinfo_endpoint_is_asked(
    cast: Cast, credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_userinfo(token_server, monkeypatch)
    token_server.on("/me", json_answer({"sub": "2", "name": "Robin"}))
    asking = authorize_as(cast, credential, token_server, token_answer("canary-at-2", refresh_token="canary-rt-2"))
    assert (asking.status, asking.account_subject, asking.account_name) == (AuthorizationStatus.ASKING, "2", "Robin")
    assert token_server.requests[-1].headers["authorization"] == "Bearer canary-at-2"


@pytest.mark.parametrize("answer", [json_answer({}, status=403), json_answer([]), json_answer({"sub": 5})])
def test_a_userinfo_endpoint_that_tells_nothing_does_no_harm(
    cast: Cast, credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    at_userinfo(token_server, monkeypatch)
    token_server.on("/me", answer)
    again = authorize_as(cast, credential, token_server, token_answer("canary-at-2"))
    assert (again.status, again.account_subject) == (AuthorizationStatus.SUCCEEDED, "")


def test_an_access_token_goes_to_no_other_host_than_the_one_that_issued_it(
    cast: Cast, credential: Credential, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_userinfo(token_server, monkeypatch, host="localhost")
    again = authorize_as(cast, credential, token_server, token_answer("canary-at-2"))
    assert (again.status, again.userinfo_url) == (AuthorizationStatus.SUCCEEDED, "")
    assert [request.path for request in token_server.requests if request.path == "/me"] == []
