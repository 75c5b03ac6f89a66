"""What a renewal says is true from the moment of the answer on, however long its swap has to wait for its turn."""

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import OperationalError

from credentials.models import TokenEndpoint
from credentials.models.clock import database_now
from credentials.oauth import answer
from credentials.services import drain, journal, swapping
from credentials.services.drain import Workshop
from credentials.services.swapping import Swap
from organizations.audit import Actor
from tests.support.journeys import access_token_of, authorized_credential, token_of
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.tokens import leave_attempt, make_due

WORKER = Actor.worker()


@pytest.mark.django_db
def test_a_lifetime_begins_with_the_answer(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    attempt = leave_attempt(credential, answer={"access_token": "at-late", "expires_in": 3600})
    tokens = answer.parse(journal.kept_answer(attempt), secrets=[])
    assert swapping.apply_all([Swap(attempt, tokens, WORKER, heard=time.monotonic() - 100)]) == [True]
    assert access_token_of(credential) == "at-late"
    left = token_of(credential).expires_at - database_now()
    assert timedelta(seconds=3490) < left <= timedelta(seconds=3500)


@pytest.mark.django_db(transaction=True)
def test_the_breaker_hears_of_an_answer_whose_swap_was_not_taken(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(swaps: Sequence[Swap]) -> Sequence[bool]:
        raise OperationalError("the database is away")

    credential = authorized_credential(cast, token_server)
    token_server.on("/token", token_answer("at-2"))
    TokenEndpoint.objects.update(failures=2, last_failed_at=database_now())
    make_due(credential)
    monkeypatch.setattr(drain.journal._apply, "_write", away)
    Workshop(4).work(actor=WORKER)
    assert access_token_of(credential) != "at-2"
    assert TokenEndpoint.objects.get().failures == 0
