"""Promise 1: an answer counts once, for the person, browser and credential that asked, within 10 minutes."""

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.forms.models import model_to_dict
from django.http import HttpResponse
from django.utils import timezone

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from tests.security.conftest import token_requests
from tests.support.journeys import access_token_of, new_credential
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.windows import authorize, callback_url, come_back, window, work

pytestmark = pytest.mark.django_db


def test_promise_01_a_state_has_256_bits_at_most_64_characters_and_is_new_each_time(
    cast: Cast, credential: Credential
) -> None:
    bob = window(cast.bob)
    states = [authorize(bob, credential).state for _ in range(20)]
    assert len(set(states)) == 20
    for state in states:
        assert 22 <= len(state) <= 64
        assert len(base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))) == 32


def test_of_state_and_browser_only_digests_are_kept(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    nonce = bob.cookies["authorizing"].value
    row = repr(model_to_dict(Authorization.objects.get()))
    assert state not in row
    assert nonce not in row
    assert state not in repr(dict(bob.session))


def test_the_cookie_that_names_the_browser_is_out_of_reach_of_scripts_and_other_sites(
    cast: Cast, credential: Credential
) -> None:
    bob = window(cast.bob)
    authorize(bob, credential)
    cookie = bob.cookies["authorizing"]
    assert len(cookie.value) >= 43
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["max-age"]) == ("Lax", "/", "", 900)


def test_the_answer_to_a_running_authorization_leads_to_a_token(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    sent = authorize(bob, credential)
    assert come_back(bob, credential, state=sent.state, code="canary-code").status_code == 303
    work()
    assert [request.form["code"] for request in token_endpoint.requests] == ["canary-code"]
    assert access_token_of(credential) == "canary-at-1"


def by_another_browser(cast: Cast, credential: Credential, state: str) -> HttpResponse:
    return come_back(window(cast.bob), credential, state=state, code="canary-code")


def by_another_browser_that_has_begun_its_own(cast: Cast, credential: Credential, state: str) -> HttpResponse:
    other = window(cast.bob)
    authorize(other, credential)
    return come_back(other, credential, state=state, code="canary-code")


def by_another_person(cast: Cast, credential: Credential, state: str) -> HttpResponse:
    alice = window(cast.alice)
    authorize(alice, credential)
    return come_back(alice, credential, state=state, code="canary-code")


def by_an_outsider(cast: Cast, credential: Credential, state: str) -> HttpResponse:
    return come_back(window(cast.charlie), credential, state=state, code="canary-code")


def by_nobody(cast: Cast, credential: Credential, state: str) -> HttpResponse:
    return come_back(window(), credential, state=state, code="canary-code")


@pytest.mark.parametrize(
    "somebody",
    [by_another_browser, by_another_browser_that_has_begun_its_own, by_another_person, by_an_outsider, by_nobody],
)
def test_promise_01_an_answer_that_somebody_else_brings_is_refused(
    cast: Cast,
    credential: Credential,
    token_endpoint: LyingServer,
    somebody: Callable[[Cast, Credential, str], HttpResponse],
) -> None:
    state = authorize(window(cast.bob), credential).state
    first = Authorization.objects.get()

    assert somebody(cast, credential, state).status_code == 400

    assert work() == 0
    assert token_requests(token_endpoint) == 0
    first.refresh_from_db()
    assert first.status == AuthorizationStatus.STARTED


def test_promise_01_somebody_else_in_the_same_browser_is_refused(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    browser = window(cast.bob)
    state = authorize(browser, credential).state
    nonce = browser.cookies["authorizing"].value
    alice = window(cast.alice)
    alice.cookies["authorizing"] = nonce
    assert come_back(alice, credential, state=state, code="canary-code").status_code == 400
    assert work() == token_requests(token_endpoint) == 0


def test_promise_01_a_second_use_is_refused(cast: Cast, credential: Credential, token_endpoint: LyingServer) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    assert come_back(bob, credential, state=state, code="first").status_code == 303
    assert come_back(bob, credential, state=state, code="second").status_code == 400
    work()
    assert come_back(bob, credential, state=state, code="third").status_code == 400
    work()
    assert [request.form["code"] for request in token_endpoint.requests] == ["first"]


def test_an_answer_after_a_refusal_at_the_resource_is_refused(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    assert come_back(bob, credential, state=state, error="access_denied").status_code == 303
    assert come_back(bob, credential, state=state, code="canary-code").status_code == 400
    assert work() == token_requests(token_endpoint) == 0


@pytest.mark.parametrize(("late", "status"), [(timedelta(seconds=-30), 303), (timedelta(seconds=1), 400)])
def test_promise_01_an_answer_counts_for_ten_minutes(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, late: timedelta, status: int
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    authorization = Authorization.objects.get()
    assert authorization.expires_at - authorization.created_at == timedelta(minutes=10)
    Authorization.objects.update(expires_at=timezone.now() - late)

    assert come_back(bob, credential, state=state, code="canary-code").status_code == status

    work()
    assert token_requests(token_endpoint) == (status == 303)


@pytest.mark.parametrize("state", ["", "made-up", "x" * 5000, "\x00", "é"])
def test_a_state_that_nobody_was_given_is_refused(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, state: str
) -> None:
    bob = window(cast.bob)
    authorize(bob, credential)
    assert come_back(bob, credential, state=state, code="canary-code").status_code == 400
    assert bob.get(callback_url(credential)).status_code == 400
    assert work() == token_requests(token_endpoint) == 0


def test_promise_01_two_tabs_both_arrive_whichever_comes_back_first(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    other = new_credential(cast, token_endpoint.url("/token"), name="Other")
    first, second, third = (authorize(bob, each) for each in (credential, credential, other))

    assert come_back(bob, other, state=third.state, code="3").status_code == 303
    assert come_back(bob, credential, state=second.state, code="2").status_code == 303
    assert come_back(bob, credential, state=first.state, code="1").status_code == 303

    assert work() == 3
    assert {request.form["code"] for request in token_endpoint.requests} == {"1", "2", "3"}
    assert set(Authorization.objects.values_list("status", flat=True)) == {AuthorizationStatus.SUCCEEDED}


def test_the_page_that_ends_one_tab_keeps_the_browser_known_for_the_other(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    first, second = authorize(bob, credential), authorize(bob, credential)
    progress = come_back(bob, credential, state=first.state, error="access_denied")["Location"]
    assert bob.get(progress).status_code == 200
    assert bob.cookies["authorizing"].value
    progress = come_back(bob, credential, state=second.state, error="access_denied")["Location"]
    bob.get(progress)
    assert bob.cookies["authorizing"].value == ""
