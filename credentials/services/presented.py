"""What a bot's request is about, read in one query: the service token it shows, what it names, and what that needs.

The query is plain SQL and its values become rows of the models without the ORM's compiler: bots ask this thousands of
times. What is not among the columns is deferred and read when somebody asks for it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from credentials.models import ApiIntegration, Credential, OAuthToken
from organizations import service_tokens
from organizations.models import ServiceToken
from organizations.sql import prepared
from organizations.sql.columns import Columns, rows_of, selected


@dataclass(frozen=True, eq=False)
class _Table:
    """What is read of a table, and by what its row is found."""

    columns: Columns
    found_by: str


_SHOWN = _Table(
    Columns(
        ServiceToken,
        "shown",
        "id organization_id name prefix scopes credential_ids expires_at revoked_at last_used_at",
    ),
    "shown.digest = %s",
)
_USED = Columns(
    Credential,
    "used",
    "id organization_id account_id name kind payload secrets status expires_at last_used_at deactivated_at",
)
_NAMED = "{0}.id = %s AND {0}.organization_id = shown.organization_id"
_KEPT = _Table(
    Columns(
        OAuthToken,
        "kept",
        "credential_id organization_id access_token token_type scope obtained_at expires_at generation",
    ),
    "kept.credential_id = used.id",
)
# The service token comes last: its condition is the whole query's, and its parameter follows that of the row named.
_ABOUT_A_CREDENTIAL = (_Table(_USED, _NAMED.format("used")), _KEPT, _SHOWN)
_ABOUT_AN_INTEGRATION = (
    _Table(
        Columns(
            ApiIntegration,
            "called",
            "id organization_id name method url credential_id use_default_headers headers parameters body",
        ),
        _NAMED.format("called"),
    ),
    _Table(_USED, "used.id = called.credential_id"),
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
    asked = [named, service_tokens.digest(plaintext)]
    found = next(iter(prepared.first_rows(_statement(tables, connection.vendor), asked)), None)
    if found is None:
        return None
    at = found[-1] or timezone.now()
    rows = rows_of(found, *(table.columns for table in tables))
    shown = rows[-1]
    if shown.revoked_at is not None or shown.expires_at <= at:
        return None
    return rows, at


@functools.cache
def _statement(tables: Sequence[_Table], vendor: str) -> str:
    clock = "clock_timestamp()" if vendor == "postgresql" else "NULL"
    *joined, shown = tables
    return " ".join(
        [
            f"SELECT {selected(*(each.columns for each in tables))}, {clock}",
            f"FROM {shown.columns.table}",
            *(f"LEFT JOIN {each.columns.table} ON {each.found_by}" for each in joined),
            f"WHERE {shown.found_by}",
        ]
    )
