"""A database that is away for a moment, as while it is restarted, for what is written into one table."""

from collections.abc import Callable

import pytest
from django.db import OperationalError

from credentials.services import patience

Step = Callable[..., object]


class Away:
    """Refuses `times` times to change a row of `table`; for `connection.execute_wrapper`."""

    def __init__(self, times: int, table: str = "credentials_tokenattempt") -> None:
        self.left = times
        self._table = table

    def __call__(self, execute: Step, sql: str, *arguments: object) -> object:
        if self.left and sql.startswith(f'UPDATE "{self._table}"'):
            self.left -= 1
            raise OperationalError("the server is being restarted")
        return execute(sql, *arguments)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again is asked again at once."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.002)
