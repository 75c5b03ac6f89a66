"""A person and a worker change the same credential at the same moment, on PostgreSQL.

`python -m tests.support.opposing` in the environment of a product prints one line for each pair: who was first, who
came second, and what came of it. The first one pauses with its locks held until the second one waits for one of them.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

PATIENCE = 10.0  # seconds


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")
    import django

    django.setup()
    scene = Scene()
    pairs = [
        ("exchange", "credentials.services.journal.lock", "edit"),
        ("exchange", "credentials.services.journal.lock", "delete"),
        ("edit", "credentials.services.edit.hold_workers", "exchange"),
        ("edit", "credentials.services.edit.hold_workers", "refresh"),
        ("delete", "credentials.services.delete.hold_workers", "refresh"),
        ("abandoned", "credentials.services.explain.reason", "edit"),
        ("edit", "credentials.services.edit.hold_workers", "abandoned"),
    ]
    outcomes = {f"{first} then {second}": scene.race(first, pause, second) for first, pause, second in pairs}
    sys.stdout.write(json.dumps(outcomes))


class Scene:
    """A person, and a fresh credential for every race."""

    def __init__(self) -> None:
        from django.contrib.auth.models import User

        from organizations import services
        from organizations.access import enter
        from organizations.audit import Actor
        from organizations.policies import Action

        stage = Actor.command("demo")
        bob = User.objects.create_user("bob", password="correct horse battery staple")
        account = services.create_account(stage, "12345566", "Golden Gate Travel")
        organization = services.create_organization(stage, account, "Support bots", administrator=bob)
        self.access = enter(bob, organization.pk, Action.MANAGE_CREDENTIALS)

    def race(self, first: str, pause: str, second: str) -> list[str]:
        """What came of both: "" where nothing was raised, else the exception's first line."""
        from django.db import connections
        from django.utils.module_loading import import_string

        actors = self.actors()
        original = import_string(pause)
        holding = threading.Event()
        said = ["", ""]

        def hold(*args: Any, **kwargs: Any) -> Any:
            found = original(*args, **kwargs)
            if threading.current_thread().name == "first" and not holding.is_set():
                holding.set()
                until_somebody_waits()
            return found

        def run(position: int, action: Callable[[], object]) -> None:
            try:
                if position:
                    holding.wait(PATIENCE)
                action()
            except Exception as error:  # noqa: BLE001 - the test looks at what came of it
                said[position] = f"{type(error).__name__}: {error}".partition("\n")[0]
            finally:
                connections.close_all()

        threads = [
            threading.Thread(target=run, args=(position, actors[name]), name=label)
            for position, (name, label) in enumerate([(first, "first"), (second, "second")])
        ]
        with mock.patch(pause, hold):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert holding.is_set(), f"{first} never came to {pause}"
        return said

    def actors(self) -> dict[str, Callable[[], object]]:
        """A credential with an exchange and a renewal that only have to be applied, and what can happen to it."""
        from datetime import timedelta

        from credentials.models import Authorization
        from credentials.models.authorization import AuthorizationStatus
        from credentials.models.clock import database_now
        from credentials.models.credential import Status
        from credentials.models.leased import Grant
        from credentials.oauth.client import RawAnswer
        from credentials.services import authorize, delete, edit, exchange, journal, refresh
        from credentials.types.registry import room
        from organizations.audit import Actor
        from tests.support.credentials import give_token, make_credential

        now = database_now()
        name = f"Orders {time.monotonic_ns()}"
        credential = make_credential(self.access.organization, name=name, status=Status.NEEDS_AUTHORIZATION)
        token = give_token(credential, refresh_at=now, lease_owner="dead", lease_until=now - timedelta(minutes=1))
        answered = authorize.start(self.access, credential, nonce="n").authorization
        Authorization.objects.filter(pk=answered.pk).update(
            status=AuthorizationStatus.EXCHANGING, claimed_at=now - timedelta(minutes=5)
        )
        abandoned = authorize.start(self.access, credential, nonce="n").authorization
        for authorization in (answered, None):
            attempt = journal.begin(token, Grant.CLIENT_CREDENTIALS, now, authorization=authorization)
            journal.keep_answer(attempt, RawAnswer(200, {}, '{"access_token": "canary-at-2", "token_type": "Bearer"}'))
        entered = {**room(credential.kind).entered(credential.payload), "client_secret": "another"}

        def save() -> object:
            return edit.edit(self.access, credential, version=credential.version, name=credential.name, entered=entered)

        def give_up() -> object:
            return authorize.give_up(
                abandoned, "not_finished", "", expected=AuthorizationStatus.RECEIVED, actor=Actor.worker()
            )

        return {
            "exchange": lambda: exchange.take_up(answered.pk),
            "refresh": lambda: refresh.refresh(credential.pk, actor=Actor.worker()),
            "abandoned": give_up,
            "edit": save,
            "delete": lambda: delete.delete(self.access, credential),
        }


def until_somebody_waits() -> None:
    """Until another connection waits for a lock, or nobody does: then nothing stood in anybody's way."""
    from django.db import connection

    ends = time.monotonic() + PATIENCE / 5
    while time.monotonic() < ends:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)


if __name__ == "__main__":
    main()
