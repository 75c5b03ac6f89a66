"""A stored token in the states that tests need: due, ended, or left behind by a process that died."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connections

from credentials.models import Credential, OAuthToken, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.token import Grant
from credentials.oauth.client import RawAnswer
from credentials.services import journal

MOMENT = timedelta(seconds=1)


def change_token(credential: Credential, **values: Any) -> None:
    """Write columns of the stored token, as time or another process would have."""
    assert OAuthToken.objects.filter(pk=credential.pk).update(**values)


def make_due(credential: Credential) -> None:
    """The moment for an early renewal has come; the access token still lives."""
    change_token(credential, refresh_at=database_now() - MOMENT)


def make_ended(credential: Credential) -> None:
    """The access token has ended and its renewal is due."""
    change_token(credential, refresh_at=database_now() - MOMENT, expires_at=database_now() - MOMENT)


def leave_lease(credential: Credential, *, seconds_left: float = -1.0) -> None:
    """Somebody has the lease; by default it ended a second ago, because they died."""
    until = database_now() + timedelta(seconds=seconds_left)
    change_token(credential, lease_owner="somebody", lease_until=until)


def leave_attempt(
    credential: Credential, *, answer: Mapping[str, object] | None = None, grant: Grant = Grant.REFRESH_TOKEN
) -> TokenAttempt:
    """A renewal that a process began and did not finish: before its answer came, or after `answer` was stored."""
    token = OAuthToken.objects.get(pk=credential.pk)
    attempt = journal.begin(token, grant, database_now())
    if answer is not None:
        raw = RawAnswer(200, {"content-type": "application/json"}, json.dumps({"token_type": "Bearer", **answer}))
        journal.keep_answer(attempt, raw)
    return attempt


def at_once(callers: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call all of them at the same time, each in a thread with a database connection of its own; their results."""
    barrier = threading.Barrier(len(callers))
    results: list[Any] = [None] * len(callers)

    def run(position: int, caller: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            results[position] = caller()
        except Exception as error:  # noqa: BLE001 - the test looks at what came of it
            results[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def elsewhere(action: Callable[[], Any]) -> Any:
    """Do it as another process would: in a thread with a database connection of its own. Raises what it raised."""
    (result,) = at_once([action])
    if isinstance(result, Exception):
        raise result
    return result
