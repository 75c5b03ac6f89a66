"""What a test of the product within this process leaves, says, prints or logs is searched when the test is over."""

import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.contrib import messages
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path

from botaccounts.celery import app
from organizations import service_tokens
from tests.support import afterwards, overheard
from tests.support.canary import MARK
from tests.support.credentials import make_credential
from tests.support.people import Cast

SECRET = f"{MARK}-of-a-test"
MADE_UP = secrets.token_urlsafe(24)  # of a test that marks nothing

pytestmark = [pytest.mark.django_db, pytest.mark.shows_secrets("it says one to see it heard")]


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<p>{request.GET['say']}</p>")


def refusal(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.GET["say"], status=404)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([request.GET["say"][:5], request.GET["say"][5:]]))


def moved(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": f"/?token={request.GET['say']}"})


def cookie(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse()
    answer.set_cookie("token", request.GET["say"])
    return answer


def message(request: HttpRequest) -> HttpResponse:
    messages.success(request, request.GET["say"] * 20)
    return HttpResponse()


def session(request: HttpRequest) -> HttpResponse:
    request.session["draft"] = request.GET["say"] * 20
    return HttpResponse()


VIEWS = [page, refusal, stream, moved, cookie, message, session]
urlpatterns = [path(view.__name__, view) for view in VIEWS]


class Chatty(BaseCommand):
    def handle(self, **options: str) -> None:
        self.stdout.write(SECRET)


def seen(request: pytest.FixtureRequest) -> list[str]:
    return afterwards.seen_after(request.node)


@pytest.fixture(autouse=True)
def _nothing_said_by_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """The database was changed by tests before this one, too; what is said in here goes with it."""
    cache.clear()
    seen(request)
    yield
    cache.clear()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_promise_22_whatever_is_answered_is_heard(
    view: Callable, request: pytest.FixtureRequest, client: Client
) -> None:
    answer = client.get(f"/{view.__name__}", {"say": "nothing"})
    assert (b"".join(answer) if answer.streaming else answer.content) is not None
    assert seen(request) == []
    answer = client.get(f"/{view.__name__}", {"say": SECRET})
    assert (b"".join(answer) if answer.streaming else answer.content) is not None
    place = {message: "a session or a signed cookie", session: "a session or a signed cookie"}.get(
        view, f"the answer {answer.status_code} to GET /{view.__name__}"
    )
    assert seen(request) == [f"{place}: a marked secret"]


def test_promise_22_a_mail_is_read(request: pytest.FixtureRequest) -> None:
    mail.send_mail("Orders needs authorization", f"It was {SECRET}.", None, ["bob@example.com"])
    assert seen(request) == ["a mail: a marked secret"]


def test_promise_22_what_would_be_in_redis_is_searched(request: pytest.FixtureRequest) -> None:
    cache.set("keys", {"token": SECRET})
    assert seen(request) == ["the cache: a marked secret"]


def test_promise_22_a_task_is_heard(request: pytest.FixtureRequest) -> None:
    app.send_task("credentials.tasks.sweep", args=[SECRET], ignore_result=True)
    assert seen(request) == ["the queue: a marked secret"]


def test_promise_22_what_a_command_prints_is_heard(request: pytest.FixtureRequest, cast: Cast) -> None:
    call_command(Chatty(), stdout=StringIO())
    assert seen(request) == ["what test_afterwards printed: a marked secret"]


def test_a_token_that_is_shown_once_on_purpose_is_no_leak(request: pytest.FixtureRequest, cast: Cast) -> None:
    organization, out = str(cast.organization.pk), StringIO()
    call_command("create_service_token", "--organization", organization, "--name", "runtime", stdout=out)
    assert "bat_" in out.getvalue()
    assert seen(request) == []
    overheard.said.append(("what sweep printed", service_tokens.mint().encode()))
    assert seen(request) == ["what sweep printed: a service token"]


@pytest.fixture
def _said_before() -> None:
    """Pytest has what a part of a test logged and printed when that part is over."""
    logging.getLogger("credentials").warning("Bob authorized %s", SECRET)
    sys.stdout.write(SECRET)


@pytest.mark.usefixtures("_said_before")
def test_promise_22_what_is_logged_or_printed_is_read(request: pytest.FixtureRequest) -> None:
    captured = ["log"] if request.config.option.capture == "no" else ["log", "stderr", "stdout"]
    assert sorted(seen(request)) == [f"captured {where} of its setup: a marked secret" for where in captured]


def test_promise_22_a_secret_in_the_database_of_the_tests_is_seen_before_the_rollback(
    request: pytest.FixtureRequest, cast: Cast
) -> None:
    type(cast.organization).objects.filter(pk=cast.organization.pk).update(name=SECRET)
    assert seen(request) == ["the database: a marked secret"]


def test_promise_22_what_is_sealed_is_looked_for_though_nobody_marked_it(
    request: pytest.FixtureRequest, cast: Cast
) -> None:
    credential = make_credential(cast.organization)
    credential.seal("secrets", {"client_secret": MADE_UP})
    credential.save()
    assert seen(request) == []
    type(credential).objects.filter(pk=credential.pk).update(name=f"Orders {MADE_UP}")
    assert seen(request) == ["the database: what was sealed"]


def test_what_may_be_shown_of_a_keystore_is_no_secret(cast: Cast) -> None:
    overheard.forget()
    entry = {"facts": {"subject": "CN=Partner CA of some length"}, "der": "MIIB" * 20}
    make_credential(cast.organization).seal("secrets", {"key_certificate": {"key": MADE_UP, "chain": [entry]}})
    assert MADE_UP.encode() in overheard.sealed
    assert not {b"CN=Partner CA of some length", b"MIIB" * 20} & overheard.sealed
