"""A look and a hand inside a running product: its database by SQL, its queue by messages, its code by Python.

A test moves the stored moments into the past instead of waiting for them, and never changes anything else.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
from celery import Celery

from tests.support.errands import Errands
from tests.support.product import Product

MINUTE = timedelta(minutes=1)


class Configured(Protocol):
    """A product, wherever it runs: what its environment says."""

    @property
    def env(self) -> Mapping[str, str]: ...


class Inside:
    """`Inside(product)`: what is stored, and changes that time would bring."""

    def __init__(self, product: Configured) -> None:
        self.url = product.env["DATABASE_URL"]
        self.is_sqlite = self.url.startswith("sqlite")

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        if self.is_sqlite:
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=20)) as connection:
                connection.execute("PRAGMA busy_timeout = 20000")
                with connection:
                    yield connection
        else:
            with psycopg.connect(self.url) as connection:
                yield connection

    def _value(self, value: object) -> object:
        if not self.is_sqlite:
            return value
        if isinstance(value, uuid.UUID):
            return value.hex
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
        return value

    def _run(self, connection: Any, statement: str, values: Sequence[object]) -> Any:
        if not self.is_sqlite:
            statement = statement.replace("?", "%s")
        return connection.execute(statement, [self._value(value) for value in values])

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a SELECT with `?` for each value."""
        with self._connection() as connection:
            return list(self._run(connection, statement, values).fetchall())

    def change(self, statement: str, *values: object) -> int:
        """Run an UPDATE; how many rows it changed."""
        with self._connection() as connection:
            return int(self._run(connection, statement, values).rowcount)

    def run_script(self, statements: str) -> None:
        """Run several statements, separated by semicolons."""
        with self._connection() as connection:
            for statement in statements.split(";"):
                connection.execute(statement)

    def end_token(self, credential_id: str) -> None:
        """The access token has ended; its renewal is due."""
        past = datetime.now(UTC) - MINUTE
        assert self.change(
            "UPDATE credentials_oauthtoken SET expires_at = ?, refresh_at = ? WHERE credential_id = ?",
            past,
            past,
            uuid.UUID(credential_id),
        )

    def end_leases(self) -> None:
        """45 seconds pass for every lease and every exchange at work."""
        past = datetime.now(UTC) - MINUTE
        self.change("UPDATE credentials_oauthtoken SET lease_until = ? WHERE lease_until IS NOT NULL", past)
        self.change("UPDATE credentials_authorization SET claimed_at = ? WHERE status = 'exchanging'", past)

    def end_outages(self) -> None:
        """Every provider that was taken to be down is back, and nothing is remembered against it."""
        self.change("UPDATE credentials_tokenendpoint SET down_since = NULL, failures = 0, witness = NULL")

    def generation(self, credential_id: str) -> int:
        """How many tokens there have been."""
        statement = "SELECT generation FROM credentials_oauthtoken WHERE credential_id = ?"
        return int(self.rows(statement, uuid.UUID(credential_id))[0][0])

    def is_leased(self, credential_id: str) -> bool:
        statement = "SELECT lease_until FROM credentials_oauthtoken WHERE credential_id = ?"
        return self.rows(statement, uuid.UUID(credential_id))[0][0] is not None

    def status(self, credential_id: str) -> tuple[str, str]:
        """Status and code of a credential."""
        statement = "SELECT status, status_code FROM credentials_credential WHERE id = ?"
        return self.rows(statement, uuid.UUID(credential_id))[0]  # type: ignore[return-value]

    def last_attempt(self, credential_id: str) -> tuple[datetime, datetime]:
        """When the last token request that is over began, and when it was over."""
        statement = "SELECT started_at, finished_at FROM credentials_tokenattempt WHERE token_id = ?"
        statement += " AND finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1"
        ((began, ended),) = self.rows(statement, uuid.UUID(credential_id))
        return self._moment(began), self._moment(ended)

    def _moment(self, stored: Any) -> datetime:
        return datetime.fromisoformat(stored).replace(tzinfo=UTC) if self.is_sqlite else stored

    def attempts(self, credential_id: str) -> list[tuple[str, str]]:
        """State and error of every token request, in order."""
        statement = "SELECT state, error FROM credentials_tokenattempt WHERE token_id = ? ORDER BY started_at"
        return self.rows(statement, uuid.UUID(credential_id))  # type: ignore[return-value]


def queue_of(product: Product) -> Celery:
    """A sender to the product's queue."""
    redis_url = product.env["REDIS_URL"]
    queue = Celery("tests", set_as_current=False, broker=redis_url or "filesystem://localhost")
    if not redis_url:
        broker = f"{product.env['VAR_DIR']}/broker"
        queue.conf.broker_transport = "botaccounts.broker:Transport"
        queue.conf.broker_transport_options = {
            "data_folder_in": f"{broker}/queue",
            "data_folder_out": f"{broker}/queue",
            "control_folder": f"{broker}/control",
        }
    return queue


def wake(product: Product, task: str, *ids: str, times: int = 1) -> None:
    """Put a message for `credentials.tasks.TASK` into the product's queue, `times` times."""
    queue = queue_of(product)
    for _ in range(times):
        queue.send_task(f"credentials.tasks.{task}", args=list(ids), ignore_result=True)
    queue.close()


@contextmanager
def in_product(product: Product) -> Iterator[Callable[[str], str]]:
    """A function that runs Python in a product and returns what it printed; for `manage.py NAME` see `command`."""
    errands = Errands(
        product.env, "import django; django.setup()", "exec(errand, {})", log=product.folder / "log" / "errands.log"
    )
    try:
        yield errands.run
    finally:
        errands.close()


def command(*arguments: str) -> str:
    """Python that does what `manage.py NAME …` does."""
    return f"from django.core.management import call_command; call_command(*{arguments!r})"
