"""A page says that something is tried again exactly where it is."""

import pytest
from django.test import Client

from credentials.models import Credential
from credentials.services import exchange
from credentials.services.refresh import refresh
from organizations.audit import Actor
from tests.support.journeys import new_credential, received_authorization
from tests.support.lying_server import Answer, LyingServer
from tests.support.people import Cast
from tests.support.tokens import make_ended
from tests.support.windows import url, window, words

pytestmark = pytest.mark.django_db

BY_ITSELF = "Nothing needs to be done while it is tried again"
BY_HAND = "Click Authorize to try again"


@pytest.fixture
def bob(cast: Cast) -> Client:
    return window(cast.bob)


def test_after_a_failed_exchange_it_is_the_person_who_tries_again(
    cast: Cast, bob: Client, token_server: LyingServer
) -> None:
    token_server.on("/token", Answer(status=503))
    credential = new_credential(cast, token_server.url("/token"))
    authorization = received_authorization(cast, credential)
    assert exchange.exchange(authorization)
    for page in (url("detail", credential), url("authorization", credential, authorization)):
        said = words(bob.get(page))
        assert BY_HAND in said
        assert BY_ITSELF not in said


def test_a_renewal_that_failed_for_now_is_tried_again_by_itself(
    bob: Client, authorized: Credential, token_server: LyingServer
) -> None:
    token_server.on("/token", Answer(status=503))
    make_ended(authorized)
    refresh(authorized.pk, actor=Actor.worker())
    said = words(bob.get(url("detail", authorized)))
    assert BY_ITSELF in said
    assert BY_HAND not in said
