"""The breaker tells "the provider is down" from "this grant is dead"; nobody closes a provider for somebody else."""

from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from credentials.models import Credential, Notice, TokenEndpoint
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.runtime import Unavailable, make_ready
from credentials.services import breaker, schedule, sweep
from credentials.services.refresh import Held, Outcome, refresh, refresh_as_read, retry_now
from organizations.audit import Actor
from organizations.models import AuditEntry, Organization
from tests.support.journeys import access_token_of, authorized_credential, move_to_charlie, token_of
from tests.support.lying_server import Answer, LyingServer, error_answer, token_answer
from tests.support.people import Cast
from tests.support.tokens import at_once, change_token, leave_attempt, make_due, make_ended

WORKER = Actor.worker()
DOWN = Answer(status=503)
SECOND = timedelta(seconds=1)


@pytest.fixture
def three(cast: Cast, token_server: LyingServer) -> list[Credential]:
    """Three credentials of one organization at one token endpoint, which fails from now on."""
    made = [authorized_credential(cast, token_server) for _ in range(3)]
    token_server.on("/token", DOWN)
    return made


def endpoint() -> TokenEndpoint:
    return TokenEndpoint.objects.get()


def told(action: str, organization: Organization) -> tuple[int, int]:
    """How often in the audit log, and how often to people: the notices have the same names."""
    return (
        AuditEntry.objects.filter(action=action, chain_id=organization.pk).count(),
        Notice.objects.filter(event=action, organization=organization).count(),
    )


def fail_all(credentials: list[Credential]) -> None:
    for credential in credentials:
        make_due(credential)
        assert refresh(credential.pk, actor=WORKER) is Outcome.WAIT


def time_for_a_probe() -> None:
    TokenEndpoint.objects.update(probe_at=database_now() - SECOND)


@pytest.mark.django_db
def test_failures_of_different_credentials_open_it_and_then_nobody_calls_or_counts(
    three: list[Credential], token_server: LyingServer
) -> None:
    fail_all(three)
    assert endpoint().holds_back
    token_server.requests.clear()
    before = token_of(three[0]).failures
    make_ended(three[0])
    assert refresh(three[0].pk, actor=WORKER) is Outcome.HELD
    assert sweep.find().renewals == []
    assert token_server.requests == []
    token = token_of(three[0])
    assert (token.failures, token.lease_until) == (before, None)


@pytest.mark.django_db
def test_one_credential_at_which_the_provider_stumbles_opens_it_for_nobody(
    three: list[Credential], token_server: LyingServer
) -> None:
    fail_all([three[0]] * 5)
    assert not endpoint().holds_back
    token_server.on("/token", token_answer("canary-at-2"))
    make_due(three[1])
    assert refresh(three[1].pk, actor=WORKER) is Outcome.RENEWED
    assert endpoint().failures == 0


@pytest.mark.django_db
def test_one_organization_cannot_close_a_provider_for_another(
    cast: Cast, three: list[Credential], token_server: LyingServer
) -> None:
    move_to_charlie(cast, three[2])
    fail_all(three[:2] * 3)
    assert endpoint().down_since is None
    fail_all(three[2:])
    assert endpoint().holds_back


@pytest.mark.django_db
def test_opening_and_closing_are_told_once_to_every_organization_that_has_tokens_there(
    cast: Cast, three: list[Credential], token_server: LyingServer
) -> None:
    move_to_charlie(cast, three[2])
    fail_all(three)
    for _ in range(3):
        time_for_a_probe()
        make_due(three[0])
        assert refresh(three[0].pk, actor=WORKER) is Outcome.WAIT
    here = (cast.organization, cast.other_organization)
    assert [told("provider.down", each) for each in here] == [(1, 1), (1, 1)]
    token_server.on("/token", token_answer("canary-at-2"))
    time_for_a_probe()
    make_due(three[1])
    assert refresh(three[1].pk, actor=WORKER) is Outcome.RENEWED
    for action in ("provider.down", "provider.back"):
        assert [told(action, each) for each in here] == [(1, 1), (1, 1)]
    entry = AuditEntry.objects.filter(action="provider.down").first()
    assert (entry.actor_kind, entry.object_type, entry.details["host"]) == (
        "worker",
        "token_endpoint",
        token_server.allow_entry,
    )
    assert entry.details["error"] == "server_error"


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client"])
def test_a_refusal_is_about_the_grant_and_never_opens_it(cast: Cast, token_server: LyingServer, code: str) -> None:
    made = [authorized_credential(cast, token_server) for _ in range(4)]
    token_server.on("/token", error_answer(code))
    for credential in made:
        make_due(credential)
        assert refresh(credential.pk, actor=WORKER) is Outcome.ENDED
    assert endpoint().down_since is None
    assert not AuditEntry.objects.filter(action="provider.down").exists()


@pytest.mark.django_db
def test_a_refusal_closes_it_because_it_is_an_answer(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    token_server.on("/token", error_answer("invalid_grant"))
    time_for_a_probe()
    make_due(three[0])
    assert refresh(three[0].pk, actor=WORKER) is Outcome.ENDED
    assert endpoint().down_since is None


@pytest.mark.django_db
def test_an_address_that_we_do_not_call_says_nothing_about_the_provider(
    three: list[Credential], settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = []
    fail_all(three)
    assert endpoint().failures == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_that_come_when_a_probe_is_due_one_calls(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    for credential in three:
        make_due(credential)
    time_for_a_probe()
    token_server.requests.clear()
    token_server.on("/token", Answer(status=503, wait=0.3))
    outcomes = at_once([lambda pk=each.pk: refresh(pk, actor=WORKER) for each in three])  # type: ignore[misc]
    assert sorted(outcome.name for outcome in outcomes) == ["HELD", "HELD", "WAIT"]
    assert len(token_server.requests) == 1


@pytest.mark.django_db
def test_a_probe_that_fails_counts_for_no_credential_and_lets_another_be_the_next(three: list[Credential]) -> None:
    fail_all(three)
    change_token(three[0], failures=0)
    time_for_a_probe()
    make_due(three[0])
    assert refresh(three[0].pk, actor=WORKER) is Outcome.WAIT
    token, row = token_of(three[0]), endpoint()
    assert token.failures == 0
    assert token.refresh_at == row.probe_at
    assert row.probes == 1
    wait = (row.probe_at - database_now()).total_seconds()
    assert 2 * schedule.FIRST_PROBE * 0.75 - 1 < wait <= 2 * schedule.FIRST_PROBE


@pytest.mark.django_db
def test_retry_after_is_obeyed_by_everybody(cast: Cast, token_server: LyingServer) -> None:
    made = [authorized_credential(cast, token_server) for _ in range(3)]
    token_server.on("/token", Answer(status=503, headers={"Retry-After": "600"}))
    before = database_now()
    fail_all(made)
    assert endpoint().probe_at >= before + timedelta(seconds=600)


@pytest.mark.django_db
def test_what_waited_is_spread_when_the_provider_is_back(cast: Cast, token_server: LyingServer) -> None:
    made = [authorized_credential(cast, token_server) for _ in range(12)]
    token_server.on("/token", DOWN)
    fail_all(made[:3])
    for credential in made:
        make_due(credential)
    token_server.on("/token", token_answer("canary-at-2"))
    time_for_a_probe()
    before = database_now()
    assert refresh(made[0].pk, actor=WORKER) is Outcome.RENEWED
    moments = [token_of(each).refresh_at for each in made[1:]]
    # SQLite keeps milliseconds: two of them may meet by chance.
    assert len(set(moments)) > len(moments) / 2
    spread = schedule.drain_seconds(len(moments))
    assert all(before - SECOND <= moment <= database_now() + timedelta(seconds=spread) for moment in moments)
    assert max(moments) - min(moments) > timedelta(seconds=spread / 4)
    assert [token_of(each).failures for each in made[:3]] == [0, 0, 0]


def test_the_drain_is_longer_for_more_tokens_and_never_endless() -> None:
    assert schedule.drain_seconds(1) == 5
    assert schedule.drain_seconds(1000) == 50
    assert schedule.drain_seconds(10**9) == 300


@pytest.mark.django_db
def test_bots_are_told_at_once_when_to_come_again(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    change_token(three[0], failures=0)
    make_ended(three[0])
    token_server.requests.clear()
    with pytest.raises(Unavailable, match="not answering") as refusal:
        make_ready(three[0], actor=WORKER)
    assert 1 <= refusal.value.retry_after <= schedule.FIRST_PROBE
    assert token_server.requests == []


@pytest.mark.django_db
def test_a_bot_may_be_the_probe(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    change_token(three[0], failures=0)
    make_ended(three[0])
    time_for_a_probe()
    token_server.on("/token", token_answer("canary-at-2"))
    assert make_ready(three[0], actor=WORKER).generation == 2
    assert endpoint().down_since is None


@pytest.mark.django_db
def test_a_person_can_retry_while_it_is_open(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    assert retry_now(three[0], actor=WORKER) is Outcome.WAIT
    assert endpoint().holds_back
    token_server.on("/token", token_answer("canary-at-2"))
    assert retry_now(three[0], actor=WORKER) is Outcome.RENEWED
    assert access_token_of(three[0]) == "canary-at-2"
    assert not endpoint().holds_back


@pytest.mark.django_db
def test_failures_with_a_long_while_between_them_are_not_in_a_row(three: list[Credential]) -> None:
    fail_all(three[:2])
    TokenEndpoint.objects.update(last_failed_at=database_now() - breaker.FORGOTTEN_AFTER - SECOND)
    fail_all(three[2:])
    assert (endpoint().failures, endpoint().down_since) == (1, None)


@pytest.mark.django_db
def test_one_for_which_nobody_asks_any_more_is_reset_by_time(cast: Cast, three: list[Credential]) -> None:
    fail_all(three)
    sweep.tidy()
    assert endpoint().holds_back
    TokenEndpoint.objects.update(probe_at=database_now() - breaker.RESET_AFTER - SECOND)
    sweep.tidy()
    assert endpoint().down_since is None
    entry = AuditEntry.objects.get(action="provider.back")
    assert entry.outcome == "unknown"


@pytest.mark.django_db
def test_a_prober_that_dies_leaves_the_way_to_another(three: list[Credential]) -> None:
    fail_all(three)
    time_for_a_probe()
    now = database_now()
    breaker.pass_or_hold(endpoint(), three[0].pk, now)
    with pytest.raises(Held):
        breaker.pass_or_hold(endpoint(), three[1].pk, now + timedelta(seconds=40))
    breaker.pass_or_hold(endpoint(), three[1].pk, now + timedelta(seconds=46))


@pytest.mark.django_db
def test_access_that_ends_meanwhile_is_said_and_taken_back(three: list[Credential], token_server: LyingServer) -> None:
    fail_all(three)
    for credential in three:
        make_ended(credential)
    sweep.tidy()
    three[1].refresh_from_db()
    assert (three[1].status, three[1].status_code) == (Status.FAILED, "provider_down")
    token_server.on("/token", token_answer("canary-at-2"))
    time_for_a_probe()
    assert refresh(three[1].pk, actor=WORKER) is Outcome.RENEWED
    three[1].refresh_from_db()
    assert (three[1].status, three[1].status_reason) == (Status.ACTIVE, "")


@pytest.mark.django_db
def test_the_path_tells_two_tenants_of_one_host_apart(cast: Cast, token_server: LyingServer) -> None:
    tenants = [authorized_credential(cast, token_server, path=f"/{name}/token") for name in ("one", "two") * 3]
    token_server.on("/one/token", DOWN)
    token_server.on("/two/token", token_answer("canary-at-2"))
    fail_all(tenants[::2])
    assert sorted(TokenEndpoint.objects.values_list("several_tokens", flat=True)) == [False, True]
    make_due(tenants[1])
    assert refresh(tenants[1].pk, actor=WORKER) is Outcome.RENEWED


@pytest.mark.django_db
def test_a_stored_answer_is_applied_though_the_provider_is_down(
    three: list[Credential], token_server: LyingServer
) -> None:
    fail_all(three)
    make_ended(three[0])
    leave_attempt(three[0], answer={"access_token": "canary-at-2", "refresh_token": "canary-rt-2", "expires_in": 60})
    assert refresh_as_read(token_of(three[0]), actor=WORKER) is Outcome.RENEWED
    assert access_token_of(three[0]) == "canary-at-2"
