"""What a bot's request is about, read in one query: the service token it shows, the credential it names, its token.

The query is plain SQL and its values become rows of the models without the ORM's compiler: bots ask this thousands of
times. What is not among the columns is deferred and read when somebody asks for it.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.utils import timezone

from credentials.models import Credential, OAuthToken
from organizations import prepared, service_tokens
from organizations.models import ServiceToken

# Model, its name in the query, and the columns that are read.
_TABLES: Sequence[tuple[type[models.Model], str, frozenset[str]]] = (
    (
        ServiceToken,
        "shown",
        frozenset(
            "id organization_id name prefix scopes credential_ids expires_at revoked_at last_used_at".split()  # noqa: SIM905
        ),
    ),
    (
        Credential,
        "named",
        frozenset(
            {"id", "organization_id", "account_id", "name", "kind", "payload", "secrets", "status"}
            | {"expires_at", "last_used_at", "deactivated_at"}
        ),
    ),
    (
        OAuthToken,
        "kept",
        frozenset(
            "credential_id organization_id access_token token_type scope obtained_at expires_at generation".split()  # noqa: SIM905
        ),
    ),
)


def _fields(model: type[models.Model], wanted: frozenset[str]) -> "list[models.Field[Any, Any]]":
    """In the order of the model, as `from_db` wants them."""
    return [field for field in model._meta.concrete_fields if field.attname in wanted]


@dataclass(frozen=True)
class Presented:
    """A living service token, the credential of its organization that was named, and that one's token.

    `at` is the database's time when they were read.
    """

    service_token: ServiceToken
    credential: Credential | None
    token: OAuthToken | None
    at: datetime


def present(plaintext: str, credential_id: UUID) -> Presented | None:
    """None for what is no living service token. One query, and none for what is no service token by its form."""
    if not service_tokens.well_formed(plaintext):
        return None
    with prepared.cursor() as cursor:
        native = connection.features.has_native_uuid_field
        asked = [credential_id if native else credential_id.hex, service_tokens.digest(plaintext)]
        cursor.execute(_statement(connection.vendor), asked)
        found = cursor.fetchone()
    if found is None:
        return None
    at = found[-1] if connection.vendor == "postgresql" else timezone.now()
    rows: list[Any] = []
    values = iter(found)
    for model, names, converters in _readers(connection.vendor):
        read = [convert(next(values)) for convert in converters]
        absent = read[names.index(model._meta.pk.attname)] is None
        rows.append(None if absent else model.from_db("default", names, read))
    shown, named, kept = rows
    if shown.revoked_at is not None or shown.expires_at <= at:
        return None
    return Presented(shown, named, kept, at)


@functools.cache
def _statement(vendor: str) -> str:
    columns = [f"{alias}.{field.column}" for model, alias, wanted in _TABLES for field in _fields(model, wanted)]
    clock = "clock_timestamp()" if vendor == "postgresql" else "0"
    shown, named, kept = (f"{model._meta.db_table} {alias}" for model, alias, _ in _TABLES)
    return (
        f"SELECT {', '.join(columns)}, {clock} FROM {shown} "  # noqa: S608
        f"LEFT JOIN {named} ON named.id = %s AND named.organization_id = shown.organization_id "
        f"LEFT JOIN {kept} ON kept.credential_id = named.id WHERE shown.digest = %s"
    )


Converter = Callable[[Any], Any]


@functools.cache
def _readers(vendor: str) -> Sequence[tuple[type[models.Model], list[str], list[Converter]]]:
    """Each model with the names of its columns, and how a value of each is made of what the database gave."""
    return [
        (model, [field.attname for field in fields], [_converter(field) for field in fields])
        for model, _, wanted in _TABLES
        for fields in [_fields(model, wanted)]
    ]


def _converter(field: "models.Field[Any, Any]") -> Converter:
    """As the ORM's compiler does it for a column."""
    column = field.get_col(field.model._meta.db_table)
    steps = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
    if not steps:
        return lambda value: value

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert
