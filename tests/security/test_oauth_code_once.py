"""Promise 6: a code is redeemed once, however often and however many at once bring it or take it up."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from credentials.models import Authorization, Credential, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.services import authorize as service
from credentials.services import exchange
from tests.security.conftest import token_requests
from tests.support.journeys import access_token_of
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.windows import authorize, come_back, url, window, work

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together, each with its own connection; return what they returned."""
    together = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            together.wait(timeout=10)
            results[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - it is the test's to look at
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def test_promise_06_reloading_the_page_after_the_callback_redeems_nothing(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    progress = come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")["Location"]
    for _ in range(3):
        assert bob.get(progress).status_code == 200
        work()
    assert token_requests(token_endpoint) == 1
    assert TokenAttempt.objects.count() == 1


def test_promise_06_callbacks_that_arrive_at_once_lead_to_one_token_request(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, look = threading.Barrier(6), service.running

    def all_look_before_one_acts(*args: Any) -> Authorization:
        seen = look(*args)
        together.wait(timeout=30)
        return seen

    monkeypatch.setattr(service, "running", all_look_before_one_acts)
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    browsers = [window(cast.bob) for _ in range(6)]
    for browser in browsers:
        browser.cookies["authorizing"] = bob.cookies["authorizing"].value

    def arrive(number: int) -> int:
        return come_back(browsers[number], credential, state=state, code=f"code-{number}").status_code

    statuses = at_once(*(lambda number=number: arrive(number) for number in range(6)))

    assert sorted(map(str, statuses)) == ["303"] + ["400"] * 5
    winner = statuses.index(303)
    assert work() == 1
    assert [request.form["code"] for request in token_endpoint.requests] == [f"code-{winner}"]


def test_promise_06_workers_that_take_it_up_at_once_make_one_token_request(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    token_endpoint.on("/token", token_answer("canary-at-1"), token_answer("canary-at-2"))
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    waiting = Authorization.objects.get(status=AuthorizationStatus.RECEIVED).pk

    results = at_once(*[lambda: exchange.exchange(waiting)] * 4)

    assert sorted(map(str, results)) == ["False", "False", "False", "True"]
    assert token_requests(token_endpoint) == 1
    assert access_token_of(credential) == "canary-at-1"


def test_a_message_that_comes_late_or_twice_redeems_nothing(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    waiting = Authorization.objects.get().pk
    assert [exchange.exchange(waiting) for _ in range(3)] == [True, False, False]
    assert not exchange.take_up(waiting)
    assert token_requests(token_endpoint) == 1


def test_promise_06_a_double_click_on_authorize_starts_two_that_do_not_disturb_each_other(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    bob.get(url("detail", credential))
    first, second = authorize(bob, credential), authorize(bob, credential)
    assert come_back(bob, credential, state=second.state, code="canary-code").status_code == 303
    assert work() == 1
    assert Authorization.objects.filter(status=AuthorizationStatus.STARTED).count() == 1
    assert first.state != second.state
