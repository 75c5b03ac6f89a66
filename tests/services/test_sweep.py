"""The database is the truth: whatever the queue lost is found here."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from credentials.models import Authorization, Credential, Draft, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.services import authorize, sweep, wake
from organizations.models import AuditEntry
from tests.support.journeys import (
    access_of,
    access_token_of,
    authorized_credential,
    new_credential,
    received_authorization,
    token_of,
)
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.plans import scanned
from tests.support.tokens import change_token, leave_lease, make_due

SECOND = timedelta(seconds=1)


@pytest.fixture
def credential(cast: Cast, token_server: LyingServer) -> Credential:
    return authorized_credential(cast, token_server)


@pytest.mark.django_db
def test_a_token_whose_message_was_lost_is_found(credential: Credential) -> None:
    assert sweep.find().renewals == []
    make_due(credential)
    assert sweep.find().renewals == [credential.pk]


@pytest.mark.django_db
def test_a_token_that_is_being_renewed_is_not_found_until_its_lease_has_ended(credential: Credential) -> None:
    make_due(credential)
    leave_lease(credential, seconds_left=10)
    assert sweep.find().renewals == []
    leave_lease(credential)
    assert sweep.find().renewals == [credential.pk]


@pytest.mark.django_db
def test_an_unfinished_renewal_is_found_though_its_token_is_not_due(credential: Credential) -> None:
    leave_lease(credential)
    assert sweep.find().renewals == [credential.pk]


@pytest.mark.django_db
def test_a_token_that_only_a_person_can_bring_back_is_not_found(credential: Credential) -> None:
    change_token(credential, refresh_at=None, expires_at=database_now() - SECOND)
    assert sweep.find() == sweep.Work([], [], [])


@pytest.mark.django_db
def test_a_code_whose_message_was_lost_is_found(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    waiting = received_authorization(cast, credential)
    assert sweep.find() == sweep.Work(exchanges=[waiting], interrupted=[], renewals=[])


@pytest.mark.django_db
def test_what_is_found_is_handed_to_the_workers_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, UUID]] = []
    monkeypatch.setattr(wake, "_send", lambda task, row_id: sent.append((task.rpartition(".")[2], row_id)))
    one, two, three = (UUID(int=number) for number in (1, 2, 3))
    sweep.spread(sweep.Work([one], [two], [three]))
    assert sent == [("exchange_code", one), ("take_up_exchange", two), ("refresh_token", three)]


@pytest.mark.django_db
def test_the_oldest_come_first_and_no_more_than_a_batch(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [authorized_credential(cast, token_server) for _ in range(4)]
    for age, each in enumerate(made, start=1):
        change_token(each, refresh_at=database_now() - age * SECOND)
    monkeypatch.setattr(sweep, "RENEWALS", 3)
    assert sweep.find().renewals == [made[3].pk, made[2].pk, made[1].pk]


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_what_is_found(cast: Cast, token_server: LyingServer) -> None:
    make_due(authorized_credential(cast, token_server))
    with CaptureQueriesContext(connection) as few:
        sweep.find()
    for _ in range(3):
        make_due(authorized_credential(cast, token_server))
    with CaptureQueriesContext(connection) as more:
        assert len(sweep.find().renewals) == 4
    assert len(more) == len(few) == 8


@pytest.mark.django_db
def test_an_authorization_that_nobody_finished_is_given_up_with_the_reason(
    cast: Cast, token_server: LyingServer
) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    started = authorize.start(access_of(cast), credential, nonce="a nonce")
    assert sweep.tidy().abandoned == 0
    Authorization.objects.update(expires_at=database_now() - SECOND)
    assert sweep.tidy().abandoned == 1
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.NEEDS_AUTHORIZATION, "not_finished")
    assert Authorization.objects.get(pk=started.authorization.pk).status == AuthorizationStatus.FAILED
    assert sweep.tidy().abandoned == 0


@pytest.mark.django_db
def test_access_that_has_ended_and_that_nothing_renews_is_said_once(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None})
    assert sweep.tidy().expired == 0
    Credential.objects.filter(pk=credential.pk).update(expires_at=database_now() - SECOND)
    assert [sweep.tidy().expired for _ in range(2)] == [1, 0]
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.NEEDS_AUTHORIZATION, "no_refresh_token")
    assert AuditEntry.objects.filter(action="credential.expired").count() == 1


@pytest.mark.django_db
def test_a_credential_that_renews_itself_never_expires(credential: Credential) -> None:
    change_token(credential, expires_at=database_now() - timedelta(days=30))
    assert sweep.tidy().expired == 0
    credential.refresh_from_db()
    assert credential.status == Status.ACTIVE


@pytest.mark.django_db
def test_old_drafts_and_old_journal_entries_go_and_young_ones_stay(cast: Cast, credential: Credential) -> None:
    now = database_now()
    for end in (now - SECOND, now + timedelta(hours=1)):
        draft = Draft(organization=cast.organization, owner=cast.bob, expires_at=end)
        draft.seal("data", {})
        draft.save()
    attempt = TokenAttempt.objects.get()
    assert sweep.tidy().deleted == 1
    TokenAttempt.objects.filter(pk=attempt.pk).update(finished_at=now - timedelta(days=31))
    assert sweep.tidy().deleted == 1
    assert Draft.objects.count() == 1
    assert access_token_of(credential) == "canary-at-1"


@pytest.mark.django_db
def test_a_tidy_database_stays_as_it_is(credential: Credential, token_server: LyingServer) -> None:
    before = token_of(credential)
    token_server.on("/token", token_answer("canary-at-2"))
    assert sweep.tidy() == sweep.Tidied(0, 0, 0)
    assert sweep.find() == sweep.Work([], [], [])
    assert token_of(credential).generation == before.generation
    assert token_server.requests == []


@pytest.mark.django_db
def test_no_table_that_grows_is_gone_through_for_it(cast: Cast) -> None:
    # There is a row for each address that is asked, webhook and organization; and for what was to be told of late.
    few = {"credentials_tokenendpoint", "credentials_webhook", "organizations_organization"}
    assert scanned(sweep.find) <= few
    assert scanned(sweep.tidy) <= few | {"credentials_notice", "credentials_noticemail"}
