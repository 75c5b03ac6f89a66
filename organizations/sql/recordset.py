"""Rows of a model that are written often and several at a time.

PostgreSQL is told of all of them in one statement, as one parameter of JSON (`json_to_recordset`): its text is the same
for any number, so it is planned once a connection, and it makes one trip.
"""

import functools
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction

from organizations.sql import prepared
from organizations.sql.columns import name_of, table_of

Fields: TypeAlias = "tuple[models.Field[Any, Any], ...]"


def update_all(rows: Sequence[models.Model], *names: str) -> int:
    """Save these fields of rows of one model. How many rows there were to write to."""
    if not rows:
        return 0
    fields = _named(type(rows[0]), names)
    values = _values(rows, fields)
    if connection.vendor == "postgresql":
        return prepared.change(_update(fields), [as_json(fields, values)])
    with transaction.atomic(savepoint=False):  # one commit for all
        return sum(prepared.change(_update_one(fields), row) for row in values)


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model, which have their keys and all of their values: no `auto_now` is filled in."""
    if not rows:
        return
    model = type(rows[0])
    if connection.vendor == "postgresql":
        fields = tuple(model._meta.local_concrete_fields)
        prepared.change(_insert(fields), [as_json(fields, _values(rows, fields))])
        for row in rows:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    else:
        model._default_manager.bulk_create(rows)


def declared(fields: Fields) -> str:
    """A record of JSON with these columns. Texts without their length: one that is too long is refused, not cut."""
    types = (
        "text" if isinstance(field, models.CharField) else str(field.db_type(connection))  # as PostgreSQL names it
        for field in fields
    )
    return ", ".join(f"{name_of(field)} {each}" for field, each in zip(fields, types, strict=True))


def as_json(fields: Fields, values: Iterable[Sequence[Any]]) -> str:
    """Records of these columns."""
    columns = [field.column for field in fields]
    return json.dumps([dict(zip(columns, row, strict=True)) for row in values], default=as_text)


def as_text(value: object) -> str:
    """For JSON: what PostgreSQL reads as Python writes it. `TypeError` for anything else, such as an expression."""
    if isinstance(value, (datetime, UUID)):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as a part of JSON")


def _values(rows: Sequence[models.Model], fields: Fields) -> list[list[Any]]:
    database = connections[DEFAULT_DB_ALIAS]
    return [[field.get_db_prep_save(getattr(row, field.attname), database) for field in fields] for row in rows]


@functools.cache
def _named(model: type[models.Model], names: Sequence[str]) -> Fields:
    """Those that are written, and the key last."""
    return (*(model._meta.get_field(name) for name in names), model._meta.pk)  # type: ignore[arg-type]


@functools.cache
def _update_one(fields: Fields) -> str:
    *written, key = fields
    changes = ", ".join(f"{name_of(field)} = %s" for field in written)
    return f"UPDATE {table_of(key.model)} SET {changes} WHERE {name_of(key)} = %s"  # noqa: S608


@functools.cache
def _update(fields: Fields) -> str:
    *written, key = fields
    changes = ", ".join(f"{name_of(field)} = new.{name_of(field)}" for field in written)
    return (
        f"UPDATE {table_of(key.model)} AS old SET {changes} "  # noqa: S608
        f"FROM json_to_recordset(%s::json) AS new({declared(fields)}) WHERE old.{name_of(key)} = new.{name_of(key)}"
    )


@functools.cache
def _insert(fields: Fields) -> str:
    columns = ", ".join(name_of(field) for field in fields)
    return (
        f"INSERT INTO {table_of(fields[0].model)} ({columns}) "  # noqa: S608
        f"SELECT {columns} FROM json_to_recordset(%s::json) AS new({declared(fields)})"
    )
