"""An exception in a view, in the API or in a task, with DEBUG off: no secret is in the answer or in a log (promise 23).

The exceptions are real: a table is missing while the request is served.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.security.haunting import AWKWARD, Haunted, enter
from tests.support.inside import in_product
from tests.support.journeys import Visitor, bot_token
from tests.support.lying_server import LyingServer
from tests.support.processes import wait_until
from tests.support.product import Factory


@pytest.fixture(scope="module")
def broken(product_factory: Factory) -> Iterator[Haunted]:
    """A product whose tables a test takes away."""
    resource = LyingServer()
    product = product_factory(env={"OUTBOUND_ALLOW": resource.allow_entry})
    try:
        with in_product(product) as python:
            yield enter(product, python, resource)
    finally:
        resource.stop()
        product_factory.retire(product)


@contextmanager
def without(haunted: Haunted, table: str) -> Iterator[None]:
    """The database of the product while one table is missing."""
    database = haunted.product.folder / "var" / "botaccounts.sqlite3"

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            # Only this table: what refers to it keeps its name.
            connection.execute("PRAGMA legacy_alter_table=ON")
            connection.execute(f'ALTER TABLE "{old}" RENAME TO "{new}"')

    rename(table, f"{table}_away")
    try:
        yield
    finally:
        rename(f"{table}_away", table)


def assert_silent(haunted: Haunted, answer: requests.Response, table: str) -> None:
    """It was a 500 and is in the log; and no secret is in either."""
    assert answer.status_code == 500, f"{answer.status_code} {answer.text[:300]}"
    log = haunted.product.logs("web.1")
    assert f"no such table: {table}" in log
    assert haunted.cage.sightings({"the answer": answer.text + str(answer.headers), "the log": log}) == []


def post_without(haunted: Haunted, visitor: Visitor, table: str, page: str, form: dict[str, str]) -> None:
    """Send a form, whose page was shown, while a table is missing. A code is in the Referer."""
    shown = visitor.get(page)
    assert shown.status_code == 200
    hidden = {"csrfmiddlewaretoken": shown.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]}
    referer = f"{haunted.product.url}/?code={haunted.cage.new('code in the Referer')}"
    with without(haunted, table):
        answer = visitor.session.post(
            shown.url, data={**hidden, **form}, headers={"Referer": referer}, timeout=30, allow_redirects=False
        )
    assert_silent(haunted, answer, table)


def test_promise_23_the_wizard_that_fails_says_nothing_of_the_secret_it_was_sent(broken: Haunted) -> None:
    bob = broken.visitor("bob")
    basics = {"name": "Broken", "kind": "oauth2", "grant_type": "client_credentials"}
    step = bob.step(bob.post(bob.credentials_url("add/"), basics))
    secret = broken.cage.new("client secret", around=AWKWARD)
    form = {"client_id": "client", "client_secret": secret, "token_url": broken.token_url, "scope": "read"}
    post_without(broken, bob, "credentials_credential", step, form)


def test_the_edit_that_fails_says_nothing_of_the_secret_it_was_sent(broken: Haunted) -> None:
    bob = broken.visitor("bob")
    broken.issue()
    added, _ = broken.authorize(bob, "To be edited", grant="client_credentials")
    secret = broken.cage.new("client secret", around=AWKWARD)
    form = {
        "client_id": "client",
        "client_secret": secret,
        "token_url": broken.token_url,
        "name": "New",
        "version": "0",
    }
    post_without(broken, bob, "credentials_credential", bob.credentials_url(f"{added.credential_id}/edit/"), form)


def test_the_sign_in_that_fails_says_nothing_of_the_password(broken: Haunted) -> None:
    somebody = Visitor(broken.product.url, broken.stage)
    form = {"username": "bob", "password": broken.cage.new("password")}
    post_without(broken, somebody, "auth_user", "/accounts/login/", form)


def test_promise_23_the_callback_that_fails_says_nothing_of_the_code(broken: Haunted) -> None:
    bob = broken.visitor("bob")
    added = broken.add(bob, "Broken callback")
    broken.cage.keep("state", parse_qs(urlsplit(added.go_to).query)["state"][0])
    with without(broken, "credentials_authorization"):
        answer = broken.come_back(bob, added)
    assert_silent(broken, answer, "credentials_authorization")


def test_the_api_that_fails_says_nothing_of_the_service_token(broken: Haunted) -> None:
    broken.issue()
    added, _ = broken.authorize(broken.visitor("bob"), "Broken API", grant="client_credentials")
    with without(broken, "credentials_oauthtoken"):
        answer = bot_token(broken.product.url, broken.stage, added.credential_id)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    said = {"the answer": answer.text + str(answer.headers), "the log": broken.product.logs("web.1")}
    assert broken.cage.sightings(said) == []


def test_promise_23_the_task_that_fails_says_nothing_of_the_code_and_the_tokens(broken: Haunted) -> None:
    bob = broken.visitor("bob")
    broken.issue()
    broken.product.stop("worker.1")
    added = broken.add(bob, "Broken task")
    assert broken.come_back(bob, added).status_code == 303
    said = "no such table: credentials_oauthtoken"
    with without(broken, "credentials_oauthtoken"):
        broken.product.start("worker.1")
        wait_until(lambda: said in broken.product.logs("worker.1"), seconds=30, what="the task's failure")
    assert "Traceback" in broken.product.logs("worker.1")
    assert broken.cage.sightings({"the log": broken.product.logs("worker.1")}) == []
