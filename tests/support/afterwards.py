"""After each attack on the product within this process: what it left there, printed or logged is searched.

That is before the rollback, and sees what the transaction would have committed. A test that has to write a secret where
everybody reads it says why: `@pytest.mark.shows_secrets("…")`.
"""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support.remains import sightings

PAGE = 4096


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
    places = {f"captured {what} of its {when}": text.encode() for when, what, text in item._report_sections}
    if connection.vendor == "sqlite" and connection.connection is not None:
        places["the database"] = _changed(connection.connection.serialize())
    return places


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """The test's own fixtures are ended all the same, whatever is found."""
    seen = [] if item.get_closest_marker("shows_secrets") else sightings(left_by(item), depth=0)
    yield
    assert seen == [], f"secrets were left behind: {seen}"
