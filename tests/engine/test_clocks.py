"""A machine whose clock is five minutes off asks PostgreSQL for the time and does no harm."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.inside import Inside, command, in_product
from tests.support.journeys import Visitor, set_the_stage
from tests.support.product import Factory
from tests.support.sandbox_server import Sandbox

pytestmark = [pytest.mark.postgres]

# Runs on a machine whose clock is wrong: every way that Python and Django tell the time goes through these two.
_ON_A_WRONG_MACHINE = """
import time
from datetime import timedelta
from unittest import mock
from uuid import UUID
from django.utils import timezone
from credentials import runtime
from credentials.models import Credential
from credentials.services import refresh, sweep
from organizations.audit import Actor
credential = Credential.objects.select_related("organization").get(pk=UUID("{credential_id}"))
right, right_seconds = timezone.now, time.time
with (
    mock.patch("django.utils.timezone.now", lambda: right() + timedelta(seconds={seconds})),
    mock.patch("time.time", lambda: right_seconds() + {seconds}),
):
    print({expression})
"""
FAST, SLOW = 300, -300


@dataclass
class Scene:
    """A credential in a product without workers."""

    python: Callable[[str], str]
    inside: Inside
    credential_id: str
    refreshes: Callable[[], int]

    def on_a_machine_that_is(self, seconds: int, expression: str) -> str:
        """What `expression` gives where the clock is `seconds` ahead."""
        script = _ON_A_WRONG_MACHINE.format(credential_id=self.credential_id, seconds=seconds, expression=expression)
        return self.python(script).strip()

    def store(self, **seconds_from_now: float | None) -> None:
        """Set moments of the token, in seconds from now."""
        for column, seconds in seconds_from_now.items():
            moment = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
            statement = f"UPDATE credentials_oauthtoken SET {column} = ? WHERE credential_id = ?"  # noqa: S608
            assert self.inside.change(statement, moment, uuid.UUID(self.credential_id))


REFRESH = 'refresh.refresh(credential.pk, actor=Actor.command("test")).name'
SERVE = 'runtime.make_ready(credential, actor=Actor.command("test")).generation'
FIND = "len(sweep.find().renewals)"


@pytest.fixture(scope="module")
def scene(product_factory: Factory, sandbox: Sandbox) -> Iterator[Scene]:
    product = product_factory(
        web=1, workers=0, database="postgres", env={"OUTBOUND_ALLOW": sandbox.host_and_port, "REDIS_URL": ""}
    )
    with in_product(product) as python:
        stage = set_the_stage(product, python)
        alice = Visitor(product.url, stage).sign_in()
        added = alice.add(sandbox)
        alice.come_back(sandbox.consent(added.go_to))
        python(command("sweep", "--json"))
        product.stop()
        client_id = added.application.client_id
        yield Scene(python, Inside(product), added.credential_id, lambda: sandbox.stats(client_id).refreshes)
    product_factory.retire(product)


def test_promise_20_a_fast_clock_renews_nothing_before_its_time(scene: Scene) -> None:
    before = scene.refreshes()
    scene.store(refresh_at=60, expires_at=120, lease_until=None)
    assert scene.on_a_machine_that_is(FAST, f"{REFRESH}, {FIND}") == "NOT_DUE 0"
    assert scene.refreshes() == before


def test_a_fast_clock_does_not_call_a_living_token_ended(scene: Scene) -> None:
    before = scene.refreshes()
    scene.store(refresh_at=60, expires_at=120, lease_until=None)
    generation = scene.inside.generation(scene.credential_id)
    assert scene.on_a_machine_that_is(FAST, SERVE) == str(generation)
    assert scene.refreshes() == before


def test_promise_20_a_fast_clock_does_not_break_into_a_lease(scene: Scene) -> None:
    before = scene.refreshes()
    scene.store(refresh_at=-5, expires_at=120, lease_until=30)
    assert scene.on_a_machine_that_is(FAST, f"{REFRESH}, {FIND}") == "BUSY 0"
    assert scene.refreshes() == before


def test_a_slow_clock_renews_in_time(scene: Scene) -> None:
    before = scene.refreshes()
    scene.store(refresh_at=-5, expires_at=120, lease_until=None)
    assert scene.on_a_machine_that_is(SLOW, f"{FIND}, {REFRESH}") == "1 RENEWED"
    assert scene.refreshes() == before + 1


def test_promise_20_a_slow_clock_does_not_serve_a_token_that_has_ended(scene: Scene) -> None:
    generation = scene.inside.generation(scene.credential_id)
    scene.store(refresh_at=-60, expires_at=-30, lease_until=None)
    assert scene.on_a_machine_that_is(SLOW, SERVE) == str(generation + 1)


@pytest.mark.parametrize("seconds", [FAST, SLOW])
def test_promise_20_what_a_wrong_machine_writes_is_right(scene: Scene, sandbox: Sandbox, seconds: int) -> None:
    scene.store(refresh_at=-60, expires_at=-30, lease_until=None)
    assert scene.on_a_machine_that_is(seconds, REFRESH) == "RENEWED"
    ((expires_at, refresh_at),) = scene.inside.rows(
        "SELECT expires_at, refresh_at FROM credentials_oauthtoken WHERE credential_id = ?",
        uuid.UUID(scene.credential_id),
    )
    left = (expires_at - datetime.now(UTC)).total_seconds()
    assert sandbox.access_token_seconds - 15 < left <= sandbox.access_token_seconds
    assert refresh_at < expires_at
