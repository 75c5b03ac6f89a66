"""What a bot's request begins with is one query that looks rows up: no table is read from its beginning to its end."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from credentials.services.presented import present_credential, present_integration
from organizations import services
from organizations.audit import Actor
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def plan_of(read: Callable[[], object]) -> list[str]:
    """How SQLite finds what the one query of `read` asks for, a line for each table."""
    asked: list[tuple[str, Sequence[Any]]] = []

    def note(execute: Callable[..., Any], statement: str, parameters: Any, *how: Any) -> Any:
        asked.append((statement, parameters))
        return execute(statement, parameters, *how)

    with connection.execute_wrapper(note):
        assert read()
    ((statement, parameters),) = asked
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [line for *_, line in cursor.fetchall()]


@pytest.mark.parametrize(
    ("about", "tables"),
    [("credential", ["kept", "shown", "used"]), ("integration", ["called", "kept", "shown", "used"])],
)
def test_every_table_is_looked_into_by_an_index(cast: Cast, about: str, tables: list[str]) -> None:
    credential = make_credential(cast.organization)
    give_token(credential)
    integration = make_integration(cast.organization, "https://api.example.com/", credential=credential)
    ends = timezone.now() + timedelta(days=1)
    _, token = services.create_service_token(Actor.command("test"), cast.organization, "a platform", ends)
    plan = plan_of(
        lambda: (
            present_credential(token, credential.pk)
            if about == "credential"
            else present_integration(token, integration.pk)
        )
    )
    found = [re.match(r"SEARCH (\w+) USING (?:COVERING )?INDEX \w+ \(\w+=\?\)", line) for line in plan]
    assert all(found), plan
    assert sorted(each[1] for each in found if each) == tables
