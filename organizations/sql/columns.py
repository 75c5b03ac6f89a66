"""Rows of models out of what a statement of plain SQL has read."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models

Converter = Callable[[Any], Any]


def table_of(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def name_of(field: "models.Field[Any, Any]") -> str:
    """Quoted: a column may be called like a word of SQL."""
    return connection.ops.quote_name(str(field.column))


class Columns:
    """The columns of one table in a statement, where it is called `alias`: of a whole row, or those that are named.

    What is not among them is deferred, and read when somebody asks for it.
    """

    def __init__(self, model: type[models.Model], alias: str, only: str = "", but: str = "") -> None:
        self.model, self.alias = model, alias
        self._only, self._but = only.split(), but.split()
        for name in (*self._only, *self._but):
            model._meta.get_field(name)  # FieldDoesNotExist for one that is misspelt

    @property
    def table(self) -> str:
        return f"{table_of(self.model)} AS {self.alias}"

    def row(self, found: Sequence[Any]) -> models.Model | None:
        """The row of these columns; None where an outer join has met none."""
        if found[self._key] is None:
            return None
        values = list(found)
        for place, convert in self._converted:
            values[place] = convert(values[place])
        return self.model.from_db(DEFAULT_DB_ALIAS, self._names, values)

    @functools.cached_property
    def fields(self) -> "list[models.Field[Any, Any]]":
        fields = self.model._meta.concrete_fields
        wanted = set(self._only or [field.attname for field in fields]) - set(self._but)
        return [field for field in fields if field.attname in wanted]

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        """`from_db` looks each field of the model up in them, and takes the values in the order of the model."""
        return frozenset(field.attname for field in self.fields)

    @functools.cached_property
    def _key(self) -> int:
        return next(place for place, field in enumerate(self.fields) if field.primary_key)

    @functools.cached_property
    def _converted(self) -> list[tuple[int, Converter]]:
        """Which columns are not as the database gives them."""
        converters = ((place, _converter(field)) for place, field in enumerate(self.fields))
        return [(place, each) for place, each in converters if each]


def selected(*tables: Columns) -> str:
    """The columns of one table after the other, for the list of what is read."""
    return ", ".join(f"{table.alias}.{name_of(field)}" for table in tables for field in table.fields)


def rows_of(found: Sequence[Any], *tables: Columns) -> list[Any]:
    """The row of each table, whose columns stand in `found` in this order; what follows them is not looked at."""
    rows, begins = [], 0
    for table in tables:
        ends = begins + len(table.fields)
        rows.append(table.row(found[begins:ends]))
        begins = ends
    return rows


def _converter(field: "models.Field[Any, Any]") -> Converter | None:
    """As the ORM's compiler does it for a column; None where the database gives the value itself."""
    column = field.get_col(field.model._meta.db_table)
    steps = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert
