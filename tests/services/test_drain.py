"""Due tokens are claimed in batches, in a fair order, and no provider takes all the threads."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from credentials.models import Credential, OAuthToken, TokenAttempt, TokenEndpoint
from credentials.models.clock import database_now
from credentials.models.leased import AttemptState, Grant
from credentials.services import breaker, bulkhead, claims, drain, sweep, wake
from credentials.services.drain import Workshop
from credentials.services.due import Due, due, in_turns
from credentials.services.refresh import Held, Outcome, refresh, refresh_as_read
from credentials.services.swapping import Swap
from organizations import audit
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.journeys import access_token_of, authorized_credential, move_to_charlie, new_credential, token_of
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer, token_answer
from tests.support.people import Cast
from tests.support.processes import wait_until
from tests.support.tokens import at_once, change_token, elsewhere, leave_attempt, leave_lease, make_due, make_ended

WORKER = Actor.worker()
SECOND = timedelta(seconds=1)


def authorized(cast: Cast, server: LyingServer, count: int, *, path: str = "/token") -> list[Credential]:
    return [authorized_credential(cast, server, path=path) for _ in range(count)]


@pytest.fixture
def many(cast: Cast, token_server: LyingServer) -> list[Credential]:
    """A dozen due credentials at an endpoint that answers each with a token of its own."""
    made = authorized(cast, token_server, 12)
    token_server.on(
        "/token", lambda request: token_answer("canary-at-2", refresh_token=f"{request.form['refresh_token']}2")
    )
    for credential in made:
        make_due(credential)
    return made


@pytest.mark.django_db
def test_a_thread_renews_all_that_is_due(many: list[Credential], token_server: LyingServer) -> None:
    assert Workshop(4).work(actor=WORKER) == 12
    assert [token_of(each).generation for each in many] == [2] * 12
    assert len(token_server.requests) == 12
    assert sweep.find() == sweep.Work([], [], [])
    assert Workshop(4).work(actor=WORKER) == 0


@pytest.mark.django_db(transaction=True)
def test_many_threads_of_several_workers_renew_each_token_once(
    many: list[Credential], token_server: LyingServer, cast: Cast
) -> None:
    workers = [Workshop(4), Workshop(4)]
    counts = at_once([lambda each=each: each.work(actor=WORKER) for each in workers * 3])  # type: ignore[misc]
    assert sum(counts) == 12
    assert len(token_server.requests) == 12
    assert {token_of(each).generation for each in many} == {2}
    assert set(TokenAttempt.objects.values_list("state", "answer")) == {("applied", "")}
    assert AuditEntry.objects.filter(action="token.refreshed").count() == 12
    assert audit.verify(cast.organization.pk).ok
    assert not OAuthToken.objects.exclude(lease_until=None).exists()


@pytest.mark.django_db
def test_a_batch_is_claimed_with_as_many_queries_as_one(many: list[Credential]) -> None:
    queries = []
    for wanted in (1, 10):
        rows = due(wanted)
        with CaptureQueriesContext(connection) as captured:
            claimed, later = drain.claims.claim(rows, wanted, drain.claims.Threads(99, 99, 99))
        assert (len(claimed), later) == (wanted, [])
        assert all(each.attempt is not None for each in claimed)
        queries.append(len(captured))
    assert queries[0] == queries[1]


@pytest.mark.django_db
def test_what_was_left_unfinished_is_finished_and_not_asked_for_again(
    many: list[Credential], token_server: LyingServer
) -> None:
    leave_attempt(many[0], answer={"access_token": "canary-at-kept", "expires_in": 60})
    Workshop(4).work(actor=WORKER)
    assert access_token_of(many[0]) == "canary-at-kept"
    assert len(token_server.requests) == 11


@pytest.mark.django_db
def test_a_token_whose_address_was_edited_is_asked_for_at_the_new_one(
    many: list[Credential], token_server: LyingServer
) -> None:
    token_server.on("/moved", token_answer("canary-at-moved"))
    payload = many[0].payload | {"token_url": token_server.url("/moved")}
    Credential.objects.filter(pk=many[0].pk).update(payload=payload)
    Workshop(4).work(actor=WORKER)
    assert access_token_of(many[0]) == "canary-at-moved"
    assert token_of(many[0]).endpoint != token_of(many[1]).endpoint


@pytest.mark.django_db
def test_a_token_that_belongs_to_another_endpoint_by_now_is_claimed_another_time(many: list[Credential]) -> None:
    rows, moved = due(12), many[0]
    change_token(moved, endpoint=TokenEndpoint.objects.create(digest="another", host="another.example"))
    claimed, later = claims.claim(rows, 12, Workshop(20)._threads)
    assert moved.pk in {row.token_id for row in rows}
    assert {each.token.pk for each in claimed} == {each.pk for each in many[1:]} - {row.token_id for row in later}
    assert token_of(moved).lease_until is None


@pytest.mark.django_db
def test_failures_among_many_are_each_its_own(many: list[Credential], token_server: LyingServer) -> None:
    change_token(many[0], refresh_token="")
    change_token(many[1], refresh_token=token_of(many[1]).access_token)  # sealed for another column

    def answers(request: Recorded) -> Answer:
        number = len(token_server.requests)
        return (
            error_answer("invalid_grant")
            if number == 3
            else token_answer("canary-at-2", refresh_token=f"canary-rt-{number}")
        )

    token_server.on("/token", answers)
    Workshop(4).work(actor=WORKER)
    generations = Counter(token_of(each).generation for each in many)
    assert generations == {2: 9, 1: 3}
    assert sweep.due_renewals() == []


@pytest.mark.django_db
def test_one_that_cannot_even_be_tried_does_not_stop_the_others(
    many: list[Credential], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Credential.objects.filter(pk=many[0].pk).update(kind="of a later version")
    workshop = Workshop(4)
    workshop.work(actor=WORKER)
    assert [token_of(each).generation for each in many] == [1] + [2] * 11
    assert "Renewing the token" in caplog.text
    assert token_of(many[0]).lease_until is None
    workshop.plan.forget()
    assert workshop.work(actor=WORKER) == 0


def row(organization: int, endpoint: int) -> Due:
    return Due(uuid4(), UUID(int=organization), endpoint, f"host{endpoint}")


def test_organizations_take_turns() -> None:
    big, small = [row(1, 1) for _ in range(5)], [row(2, 1) for _ in range(2)]
    ordered = in_turns(big + small)
    assert [each.organization_id.int for each in ordered] == [1, 2, 1, 2, 1, 1, 1]
    assert [each for each in ordered if each in big] == big


@pytest.mark.django_db
def test_the_providers_of_an_organization_take_turns(cast: Cast, token_server: LyingServer) -> None:
    many, few = authorized(cast, token_server, 4, path="/many"), authorized(cast, token_server, 1, path="/few")
    now = database_now()
    for age, each in enumerate([*few, *many]):
        change_token(each, refresh_at=now - age * SECOND)
    assert [each.token_id for each in due(10)].index(few[0].pk) == 1


@pytest.mark.django_db
def test_the_plan_reads_what_is_due_with_one_query(many: list[Credential]) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(due(100)) == 12
    assert len(queries) == 1


@pytest.mark.django_db
def test_a_host_that_is_not_trusted_has_few_requests_under_way_over_all_processes(
    many: list[Credential], token_server: LyingServer
) -> None:
    TokenEndpoint.objects.update(failures=1)
    for credential in many[: bulkhead.CAREFUL]:
        leave_lease(credential, seconds_left=44)
    assert refresh(many[-1].pk, actor=WORKER) is Outcome.HELD
    assert Workshop(4).work(actor=WORKER) == 0
    assert token_server.requests == []
    # A bot that needs its token now is not made to wait for the workers' places.
    make_ended(many[-1])
    assert refresh_as_read(token_of(many[-1]), actor=WORKER) is Outcome.RENEWED


@pytest.mark.django_db
def test_a_host_that_answers_quickly_has_so_many_requests_under_way_over_all_processes_and_no_more(
    many: list[Credential], token_server: LyingServer, settings: Settings
) -> None:
    settings.REFRESHES_PER_HOST = bulkhead.CAREFUL + 3
    for credential in many[:2]:  # of other processes
        leave_lease(credential, seconds_left=44)
    nobody_else = claims.Threads(of_host=99, careful=99, of_organization=99)
    claimed, later = claims.claim(due(12), 12, nobody_else)
    assert (len(claimed), len(later)) == (bulkhead.CAREFUL + 1, 12 - settings.REFRESHES_PER_HOST)
    assert claims.claim(due(12), 12, nobody_else)[0] == []
    assert refresh(later[0].token_id, actor=WORKER) is Outcome.HELD
    assert token_server.requests == []
    leave_lease(many[0], seconds_left=-1)
    assert len(claims.claim(due(12), 12, nobody_else)[0]) == 1


@pytest.mark.django_db
def test_bots_are_told_to_come_again_where_several_requests_hang_already(
    many: list[Credential], token_server: LyingServer
) -> None:
    make_ended(many[-1])
    for credential in many[: bulkhead.HANGING]:
        leave_lease(credential, seconds_left=40)
    with pytest.raises(Held, match="enough requests"):
        refresh_as_read(token_of(many[-1]), actor=WORKER)
    leave_lease(many[0], seconds_left=-1)
    assert refresh_as_read(token_of(many[-1]), actor=WORKER) is Outcome.RENEWED


@pytest.mark.django_db
def test_a_host_at_which_a_request_hangs_is_not_trusted_any_more(many: list[Credential]) -> None:
    for credential in many[: bulkhead.CAREFUL]:
        leave_lease(credential, seconds_left=44)
    assert bulkhead.has_room(TokenEndpoint.objects.get(), database_now())
    leave_lease(many[0], seconds_left=40)
    assert not bulkhead.has_room(TokenEndpoint.objects.get(), database_now())


@pytest.mark.django_db
def test_leases_that_have_ended_take_no_place(many: list[Credential]) -> None:
    for credential in many:
        leave_lease(credential, seconds_left=-1)
    assert bulkhead.has_room(TokenEndpoint.objects.get(), database_now())


def test_slow_providers_leave_threads_for_quick_ones_and_for_other_organizations() -> None:
    one, other = UUID(int=1), UUID(int=2)
    threads = drain.claims.Threads(of_host=8, careful=6, of_organization=4)
    taken = [threads.take(f"host{number}", one, careful=True) for number in range(6)]
    assert taken == [True] * 4 + [False] * 2
    assert [threads.take("another", other, careful=True) for _ in range(3)] == [True, True, False]
    assert threads.take("a quick one", one, careful=False)
    threads.give_back("host0", one, careful=True)
    assert threads.take("another", other, careful=True)


@pytest.mark.django_db
def test_more_than_a_handful_is_not_sent_one_by_one(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(wake, "_send", lambda *what, **how: sent.append(what) or True)
    sweep.spread(sweep.Work([], [], [uuid4() for _ in range(250)]))
    assert sent == [("credentials.tasks.renew_due",)] * 3


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_is_woken_gets_the_others_of_its_process(
    many: list[Credential], token_server: LyingServer
) -> None:
    everybody = threading.Barrier(3)

    def answers(request: Recorded) -> Answer:
        if len(token_server.requests) <= 3:
            everybody.wait(timeout=20)  # one alone would wait in vain
        return token_answer("canary-at-2", refresh_token=f"{request.form['refresh_token']}2")

    token_server.on("/token", answers)
    with ThreadPoolExecutor(16) as pool:
        elsewhere(lambda: Workshop(16, pool.submit).work(actor=WORKER))
    assert [token_of(each).generation for each in many] == [2] * 12
    assert len(token_server.requests) == 12


@pytest.mark.django_db(transaction=True)
def test_claims_are_put_back_though_the_database_was_away_for_a_moment(
    many: list[Credential], token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back, was_away = claims.put_back, threading.Event()

    def away_once(unsent: Sequence[claims.Claimed]) -> None:
        if unsent and not was_away.is_set():
            was_away.set()
            raise OperationalError("the database is away")
        put_back(unsent)

    monkeypatch.setattr(claims, "put_back", away_once)
    monkeypatch.setattr(drain, "WAITS", 0.0)
    Workshop(4).work(actor=WORKER)
    assert was_away.is_set()
    assert not OAuthToken.objects.exclude(lease_until=None).exists()
    assert not TokenAttempt.objects.filter(authorization=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_stores_an_answer_makes_room_for_another_at_the_provider(
    many: list[Credential], token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = drain.journal.keep_answer

    def after_the_third_request(*arguments: Any) -> None:
        wait_until(lambda: len(token_server.requests) >= 3, seconds=20, what="a thread that asks meanwhile")
        keep(*arguments)

    monkeypatch.setattr(drain.journal, "keep_answer", after_the_third_request)
    with ThreadPoolExecutor(4) as pool:
        workshop = Workshop(4, pool.submit)  # three threads renew, two of them at one provider
        elsewhere(lambda: workshop.work(actor=WORKER))
    assert [token_of(each).generation for each in many] == [2] * 12


@pytest.mark.django_db
def test_a_provider_that_fails_keeps_its_thread_until_the_breaker_knows(
    many: list[Credential], token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_server.on("/token", Answer(status=503))
    workshop, note, asked = Workshop(4), breaker.note, list[int]()

    def noted(*arguments: Any) -> Any:
        asked.extend(len(tokens) for tokens in workshop._asked.values())
        return note(*arguments)

    monkeypatch.setattr(breaker, "note", noted)
    workshop.work(actor=WORKER)
    assert len(asked) == len(token_server.requests)
    assert set(asked) == {1}
    assert not any(workshop._asked.values())


@pytest.mark.parametrize(("seconds", "ahead"), [(0.05, 36), (0.25, 18), (2.0, 3), (15.0, 1)])
def test_few_are_claimed_ahead_at_a_provider_that_takes_its_time(seconds: float, ahead: int) -> None:
    workshop = Workshop(20)
    workshop._working, workshop._takes = 18, seconds
    assert workshop._ahead_at_most() == ahead


@pytest.mark.django_db
def test_what_was_claimed_long_ago_is_not_sent_and_waits_for_its_turn_again(
    many: list[Credential], token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as late:
        late.setattr(drain, "WAITS", 0.0)
        assert Workshop(4).work(actor=WORKER) == 0
    assert token_server.requests == []
    assert not OAuthToken.objects.exclude(lease_until=None).exists()
    assert not TokenAttempt.objects.filter(authorization=None).exists()
    assert Workshop(4).work(actor=WORKER) == 12


@pytest.mark.django_db
def test_no_thread_is_called_to_wait_for_room_at_a_provider(
    many: list[Credential], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkhead, "is_trusted", lambda *_: False)
    called: list[object] = []
    assert Workshop(4, called.append).work(actor=WORKER) == 12  # one at a time, because it is one organization
    assert called == []


@pytest.mark.django_db
def test_a_worker_that_is_being_ended_lends_no_thread_and_loses_nothing(many: list[Credential]) -> None:
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    assert Workshop(4, ended.submit).work(actor=WORKER) == 12


DRIPS = Answer(body=b"{" + b" " * 1000, drip=1.0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_known", [True, False], ids=["at a known host", "at a host that is not trusted yet"])
def test_promise_21_a_hung_provider_never_delays_another_organizations_token(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """Eight threads, thirty due tokens at a server that drips one byte a second, and one of somebody else's."""
    hung = authorized(cast, token_server, 30, path="/hung")
    healthy = authorized_credential(cast, token_server, path="/healthy")
    move_to_charlie(cast, healthy)
    token_server.on("/hung", DRIPS)
    token_server.on("/healthy", token_answer("canary-at-2"))
    # The same machine has two ports for two providers; here one server plays both.
    another = TokenEndpoint.objects.filter(pk=token_of(healthy).endpoint_id)
    another.update(host="healthy.example:443", **({} if is_known else {"answered_at": None}))
    monkeypatch.setattr("credentials.services.renewal.CALL_SECONDS", 4.0)
    for credential in hung:
        make_due(credential)
    workshop = Workshop(8)
    threads = [threading.Thread(target=at_once, args=([lambda: workshop.work(actor=WORKER)],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(token_server.requests) >= 4, seconds=5, what="the calls that hang")
    make_due(healthy)

    def renewed() -> bool:
        workshop.work(actor=WORKER, seconds=1)
        return access_token_of(healthy) == "canary-at-2"

    wait_until(renewed, seconds=10, what="the renewal of the healthy provider's token")
    # None of the calls that hang had ended before.
    assert not TokenEndpoint.objects.filter(failures__gt=0).exists()
    for thread in threads:
        thread.join()
    # It was taken to be down after the first ones, and the others were spared.
    hung_endpoint = token_of(hung[0]).endpoint
    assert hung_endpoint is not None
    assert hung_endpoint.holds_back
    called = [request for request in token_server.requests if request.path == "/hung"]
    assert 3 <= len(called) <= 8
    # They wait as they did before they were claimed, and nothing says that they were tried.
    assert not OAuthToken.objects.exclude(lease_until=None).exists()
    renewals = TokenAttempt.objects.filter(grant=Grant.REFRESH_TOKEN)
    assert renewals.filter(token__in=[each.pk for each in hung]).count() == len(called)


@pytest.mark.django_db
def test_what_was_never_authorized_is_never_claimed(cast: Cast, token_server: LyingServer) -> None:
    new_credential(cast, token_server.url("/token"))
    assert Workshop(2).work(actor=WORKER) == 0
    assert token_server.requests == []


@pytest.mark.django_db(transaction=True)
def test_a_swap_that_the_database_did_not_take_is_made_from_the_stored_answer(
    many: list[Credential], token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(swaps: Sequence[Swap]) -> Sequence[bool]:
        raise OperationalError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(drain.journal._apply, "_write", away)
        Workshop(4).work(actor=WORKER)
    renewals = TokenAttempt.objects.filter(authorization=None)
    assert set(renewals.values_list("state", flat=True)) == {AttemptState.ANSWERED}
    OAuthToken.objects.update(lease_until=database_now() - SECOND)
    for credential in many:
        refresh(credential.pk, actor=WORKER)
    assert {token_of(each).generation for each in many} == {2}
    assert len(token_server.requests) == 12
    assert set(TokenAttempt.objects.values_list("state", "answer")) == {(AttemptState.APPLIED, "")}
    assert not OAuthToken.objects.exclude(lease_until=None).exists()
