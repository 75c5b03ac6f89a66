"""What a bot's request is about, read in one query: the service token it shows, what it names, and what that needs.

The query is plain SQL and its values become rows of the models without the ORM's compiler: bots ask this thousands of
times. What is not among the columns is deferred and read when somebody asks for it.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.utils import timezone

from credentials.models import ApiIntegration, Credential, OAuthToken
from organizations import prepared, service_tokens
from organizations.models import ServiceToken


@dataclass(frozen=True, eq=False)
class _Table:
    """A model, its name in the query, the columns that are read, and by what its row is found."""

    model: type[models.Model]
    alias: str
    columns: str
    found_by: str

    @property
    def fields(self) -> "list[models.Field[Any, Any]]":
        """In the order of the model, as `from_db` wants them."""
        wanted = frozenset(self.columns.split())
        return [field for field in self.model._meta.concrete_fields if field.attname in wanted]


_SHOWN = _Table(
    ServiceToken,
    "shown",
    "id organization_id name prefix scopes credential_ids expires_at revoked_at last_used_at",
    "shown.digest = %s",
)
_CREDENTIAL = "id organization_id account_id name kind payload secrets status expires_at last_used_at deactivated_at"
_NAMED = "{0}.id = %s AND {0}.organization_id = shown.organization_id"
_KEPT = _Table(
    OAuthToken,
    "kept",
    "credential_id organization_id access_token token_type scope obtained_at expires_at generation",
    "kept.credential_id = used.id",
)
# The service token comes last: its condition is the whole query's, and its parameter follows that of the row named.
_ABOUT_A_CREDENTIAL = (_Table(Credential, "used", _CREDENTIAL, _NAMED.format("used")), _KEPT, _SHOWN)
_ABOUT_AN_INTEGRATION = (
    _Table(
        ApiIntegration,
        "called",
        "id organization_id name method url credential_id use_default_headers headers parameters body",
        _NAMED.format("called"),
    ),
    _Table(Credential, "used", _CREDENTIAL, "used.id = called.credential_id"),
    _KEPT,
    _SHOWN,
)


@dataclass(frozen=True)
class Presented:
    """A living service token, and what of its organization was named: a credential, or an integration with its own.

    `token` is the credential's. `at` is the database's time when all of them were read.
    """

    service_token: ServiceToken
    credential: Credential | None
    token: OAuthToken | None
    at: datetime
    integration: ApiIntegration | None = None


def present_credential(plaintext: str, credential_id: UUID) -> Presented | None:
    """None for what is no living service token. One query, and none for what is no service token by its form."""
    found = _read(_ABOUT_A_CREDENTIAL, plaintext, credential_id)
    if found is None:
        return None
    (credential, token, shown), at = found
    return Presented(shown, credential, token, at)


def present_integration(plaintext: str, integration_id: UUID) -> Presented | None:
    """The same about an integration, and the credential that is attached to it."""
    found = _read(_ABOUT_AN_INTEGRATION, plaintext, integration_id)
    if found is None:
        return None
    (integration, credential, token, shown), at = found
    if integration is not None:
        integration.credential = credential
    return Presented(shown, credential, token, at, integration)


def _read(tables: Sequence[_Table], plaintext: str, named: UUID) -> tuple[list[Any], datetime] | None:
    """A row or None of each table, and the time; None where the last of them, the service token, does not live."""
    if not service_tokens.well_formed(plaintext):
        return None
    database = connections[DEFAULT_DB_ALIAS]
    with prepared.cursor() as cursor:
        native = database.features.has_native_uuid_field
        asked = [named if native else named.hex, service_tokens.digest(plaintext)]
        cursor.execute(_statement(tables, database.vendor), asked)
        found = cursor.fetchone()
    if found is None:
        return None
    at = found[-1] if database.vendor == "postgresql" else timezone.now()
    rows: list[Any] = []
    begins = 0
    for model, names, key, converted in _readers(tables, database.vendor):
        read = list(found[begins : begins + len(names)])
        begins += len(names)
        for place, convert in converted:
            read[place] = convert(read[place])
        rows.append(None if read[key] is None else model.from_db("default", names, read))
    shown = rows[-1]
    if shown.revoked_at is not None or shown.expires_at <= at:
        return None
    return rows, at


@functools.cache
def _statement(tables: Sequence[_Table], vendor: str) -> str:
    columns = [f"{table.alias}.{field.column}" for table in tables for field in table.fields]
    clock = "clock_timestamp()" if vendor == "postgresql" else "0"
    *joined, shown = tables
    return " ".join(
        [
            f"SELECT {', '.join(columns)}, {clock} FROM {shown.model._meta.db_table} {shown.alias}",  # noqa: S608
            *(f"LEFT JOIN {each.model._meta.db_table} {each.alias} ON {each.found_by}" for each in joined),
            f"WHERE {shown.found_by}",
        ]
    )


Converter = Callable[[Any], Any]


class _Reader(NamedTuple):
    """How a row of a model is made: which of its columns is the key, and which are not as the database gives them."""

    model: type[models.Model]
    names: list[str]
    key: int
    converted: list[tuple[int, Converter]]


@functools.cache
def _readers(tables: Sequence[_Table], vendor: str) -> list[_Reader]:
    readers = []
    for table in tables:
        names = [field.attname for field in table.fields]
        converters = [(place, _converter(field)) for place, field in enumerate(table.fields)]
        key = names.index(str(table.model._meta.pk.attname))
        readers.append(_Reader(table.model, names, key, [(place, each) for place, each in converters if each]))
    return readers


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
