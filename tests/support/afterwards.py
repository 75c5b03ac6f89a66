"""After each test of the product within this process: what it left there, said, printed or logged is searched.

That is before the rollback, and sees what the transaction would have committed. A test that has to write a secret where
everybody reads it says why: `@pytest.mark.shows_secrets("…")`.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support import overheard
from tests.support.remains import PRINTED_ON_PURPOSE, keys_in, sightings

PAGE = 4096
KEYS = keys_in(os.environ)
DATABASE = {"db", "transactional_db"}
# What a bot asks for, and what is shown once: in the answer to the form that made it.
ON_PURPOSE = re.compile(
    r"the answer 200 to POST /api/v1/(credentials/[^/]+/token|domains/[^/]+/credentials): .*"
    r"|the answer 200 to POST /organizations/[^/]+/service-tokens/add/: a service token"
    r"|the answer 200 to POST /organizations/.*/webhook/(secret/)?: (the secret of a webhook|what was sealed)"
    rf"|{PRINTED_ON_PURPOSE.pattern}"
)


class Changed:
    """The pages of the database that are not as they were when they were searched last: a fiftieth of it or so."""

    def __init__(self) -> None:
        self._before = b""

    def __call__(self, now: bytes) -> bytes:
        before, self._before = self._before, now
        starts = range(0, len(now), PAGE)
        return b"".join(now[at : at + PAGE] for at in starts if now[at : at + PAGE] != before[at : at + PAGE])


_changed = Changed()


def left_by(item: pytest.Item) -> dict[str, bytes]:
    pieces = defaultdict(list)
    for place, content in overheard.everything_said():
        pieces[place].append(content)
    for when, what, text in item._report_sections:
        pieces[f"captured {what} of its {when}"].append(text.encode())
    if uses_the_database(item) and connection.vendor == "sqlite" and connection.connection is not None:
        pieces["the database"].append(_changed(connection.connection.serialize()))
    return {place: b"\0".join(contents) for place, contents in pieces.items()}


def uses_the_database(item: pytest.Item) -> bool:
    """The connection may be open for others as well; they cannot have written there."""
    return bool(item.get_closest_marker("django_db") or DATABASE & set(getattr(item, "fixturenames", ())))


def seen_after(item: pytest.Item) -> list[str]:
    also = KEYS | dict.fromkeys(overheard.sealed, "what was sealed")
    seen = sightings(left_by(item), depth=0, also=also)
    return [each for each in seen if not ON_PURPOSE.fullmatch(each)]


def pytest_runtest_setup() -> None:
    overheard.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """The test's own fixtures are ended all the same, whatever is found."""
    seen = [] if item.get_closest_marker("shows_secrets") else seen_after(item)
    yield
    assert seen == [], f"secrets were left behind: {seen}"
