"""How SQLite goes about the statements that some code runs: the cost that shows only once a table is large."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection


def steps(run: Callable[[], object]) -> list[str]:
    """What SQLite plans to do for each statement of `run`, in its words.

    Parameters stay parameters: with values written into a statement, SQLite may take another index.
    """
    asked: list[tuple[str, Any]] = []

    def listen(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: object) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        run()
    found: list[str] = []
    with connection.cursor() as cursor:
        for sql, params in asked:
            if sql.startswith(("SELECT", "UPDATE", "DELETE")):
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                found += [row[-1] for row in cursor.fetchall()]
    return found


def scanned(run: Callable[[], object]) -> set[str]:
    """The tables that are gone through from end to end. A scan of an index is one of the few rows of a partial one."""
    return {found[1] for step in steps(run) if (found := re.fullmatch(r"SCAN (\w+)", step))}
