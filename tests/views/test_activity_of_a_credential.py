"""The activity on the page of a credential, and what it is narrowed to."""

import pytest
from django.test import Client

from credentials.models import Credential
from credentials.views import history
from organizations import audit
from tests.support.credentials import make_credential
from tests.support.journeys import access_of
from tests.support.people import Cast
from tests.support.windows import url, window, words

pytestmark = pytest.mark.django_db

HAPPENED = [
    ("credential.created", "ok"),
    ("credential.edited", "ok"),
    ("authorization.started", "ok"),
    ("authorization.failed", "failed"),
    ("token.obtained", "ok"),
    ("token.refresh_failed", "failed"),
    ("challenge.created", "ok"),
    ("credential.used", "ok"),
    ("token.served", "ok"),
]


@pytest.fixture
def credential(cast: Cast) -> Credential:
    """One to which all of that has happened."""
    made = make_credential(cast.organization)
    for action, outcome in HAPPENED:
        tell(cast, made, action, outcome)
    return made


@pytest.fixture
def bob(cast: Cast) -> Client:
    return window(cast.bob)


def tell(cast: Cast, credential: Credential, action: str, outcome: str = "ok") -> None:
    audit.record(
        cast.organization,
        access_of(cast).actor,
        action,
        object_type="credential",
        object_id=str(credential.pk),
        outcome=outcome,
    )


def shown(bob: Client, credential: Credential, kind: str) -> list[str]:
    """What of `HAPPENED` the page shows, oldest first."""
    found = bob.get(url("detail", credential), {"activity": kind}).context["activity"]
    by_words = {said: action for action, said in history.WORDS.items()}
    return [by_words[event.what] for event in reversed(found)]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("", [action for action, _ in HAPPENED]),
        ("failed", ["authorization.failed", "token.refresh_failed"]),
        ("changes", ["credential.created", "credential.edited"]),
        ("authorizations", ["authorization.started", "authorization.failed"]),
        ("tokens", ["token.obtained", "token.refresh_failed"]),
        ("consumers", ["challenge.created"]),
        ("uses", ["credential.used", "token.served"]),
        ("made up", [action for action, _ in HAPPENED]),
    ],
)
def test_the_address_narrows_it_to_a_kind(bob: Client, credential: Credential, kind: str, found: list[str]) -> None:
    assert shown(bob, credential, kind) == found


def test_the_page_asks_itself_again_for_the_same_kind(bob: Client, credential: Credential) -> None:
    page = bob.get(url("detail", credential), {"activity": "tokens"})
    assert f'hx-get="{url("detail", credential)}?activity=tokens"' in page.content.decode()


def test_a_kind_is_looked_for_among_the_latest_only(
    bob: Client, cast: Cast, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_AT", 3)
    for _ in range(3):
        tell(cast, credential, "token.served")
    assert shown(bob, credential, "uses") == ["token.served"] * 3
    assert shown(bob, credential, "failed") == []
    assert "Nothing of this kind has happened yet." in words(bob.get(url("detail", credential), {"activity": "failed"}))
