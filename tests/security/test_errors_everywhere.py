"""Promise 23 as an attack: every address fails in the middle, in this process, while it holds what must not be told.

`test_error_reports.py` does the same to a few in real processes, with their real logs.
"""

import io
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.core.handlers.exception import response_for_exception
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from botaccounts.reporting import WithoutLinks
from organizations import invitations
from organizations.access import enter
from organizations.models import Role
from organizations.policies import Action
from tests.api.conftest import caller_of
from tests.security.test_tenants import EVERYWHERE, furnish
from tests.support.people import Cast
from tests.support.wizard import signed_in

__all__ = ["caller_of"]

pytestmark = pytest.mark.django_db

CANARY = "canary-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
BODY = {name: f"{CANARY} {name}" for name in ("client_secret", "password", "code", "url", "name", "new_password1")}
# What a person's request reads before the view has it; everything behind these fails.
BEFORE_THE_VIEW = ("django_session", "auth_user", "organizations_membership", "organizations_servicetoken")


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the process writes to its log, by the handlers, filters and formats of an installation."""
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "console")
    written = io.StringIO()
    monkeypatch.setattr(handler, "stream", written)
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    return written


def fail(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if any(f'"{table}"' in sql for table in BEFORE_THE_VIEW) or not sql.startswith(("SELECT", "INSERT", "UPDATE")):
        return execute(sql, params, many, context)
    raise RuntimeError("the inside is broken")


@pytest.fixture
def house(cast: Cast) -> dict[str, Any]:
    values = furnish(cast.organization, cast.alice)
    return {**values, "number": cast.account.number, "handle": CANARY.replace("-", "_"), "uidb64": "MQ", "token": "x-y"}


def test_promise_23_no_address_that_fails_tells_what_it_was_sent(
    cast: Cast, house: dict[str, Any], console: io.StringIO, settings: Settings, caller_of: Callable[..., Any]
) -> None:
    settings.ADMINS = [("root", "root@example.com")]
    alice, bot = signed_in(cast.alice), caller_of(cast.organization)
    alice.raise_request_exception = False
    failed = set()
    with connection.execute_wrapper(fail):
        for address in EVERYWHERE:
            if address.name in ("logout", "login"):
                continue
            path = f"{address.path(house)}?code={CANARY}&state={CANARY}"
            headers = {"Referer": f"https://idp.example/?code={CANARY}", "X-Forwarded-For": CANARY}
            if address.name.startswith("api:"):
                headers["Authorization"] = f"Bearer {bot.token}"
            for answer in (alice.get(path, headers=headers), alice.post(path, BODY, headers=headers)):
                assert CANARY not in answer.content.decode().replace("canary_", "canary-"), address.name
                assert CANARY not in str(answer.headers), address.name
                if answer.status_code >= 500:
                    failed.add(address.name)
    assert len(failed) > 40, failed
    said = console.getvalue()
    assert "the inside is broken" in said
    assert "Internal Server Error: /organizations/" in said
    for secret in (CANARY, CANARY.replace("-", "_"), bot.token):
        assert secret not in said
    assert mail.outbox == []  # Django's own handler would mail the query and the variables


def test_promise_23_a_report_holds_no_variable_no_body_and_no_header(rf: RequestFactory, settings: Settings) -> None:
    """Whatever asks Django for a report gets the exception and its place."""

    def view(request: HttpRequest) -> None:
        secret = request.POST["client_secret"]
        raise RuntimeError(f"of {len(secret)} characters")

    request = rf.post("/", BODY, HTTP_REFERER=f"https://idp.example/?code={CANARY}", HTTP_COOKIE=CANARY)
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    for debug in (False, True):
        settings.DEBUG = debug
        try:
            view(request)
        except RuntimeError as error:
            shown = response_for_exception(request, error).content.decode()
        assert CANARY not in shown
        assert ("of 53 characters" in shown) == debug


def test_promise_23_no_line_of_the_log_holds_a_link_that_lets_somebody_in(cast: Cast, console: io.StringIO) -> None:
    access = enter(cast.alice, cast.organization.pk, Action.MANAGE_MEMBERS)
    invited = invitations.invite(access, cast.organization, "eve@example.com", Role.VIEWER).membership.user
    link = urlsplit(invitations.link_for(invited)).path
    client = Client(raise_request_exception=False)

    def fail_at_once(*args: Any) -> None:
        raise RuntimeError("the inside is broken")

    with connection.execute_wrapper(fail_at_once):
        assert client.get(link).status_code == 500
    client.get(f"{link}more/")
    said = console.getvalue()
    assert said.count("/accounts/invitation/") >= 2
    assert "[hidden]" in said
    assert link.split("/")[-2] not in said
    assert WithoutLinks.LINK.sub("", "/accounts/invitation/MQ/set-password/") == "/accounts/invitation/MQ/set-password/"
