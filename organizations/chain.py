"""A hash chain in the database: its head, which is locked for every append, and the rows behind it.

Plain SQL, because every use of a credential waits for this: the statements are the same on PostgreSQL and SQLite.
"""

import functools
import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from django.db import connection
from django.utils import timezone

from organizations import prepared
from organizations.entries import NewEntry, plain
from organizations.models import AuditChain, AuditEntry

ROWS_AT_ONCE = 60  # 15 columns each: SQLite may be built to take 999 parameters


@functools.cache
def _columns() -> tuple[str, ...]:
    return tuple(field.attname for field in AuditEntry._meta.local_concrete_fields if not field.primary_key)


def locked_head(chain_id: uuid.UUID) -> AuditChain:
    """The head of a chain, locked until the transaction ends; a new one where there is none yet."""
    chain = _lock(chain_id)
    if chain is None:
        # Two first entries at once: the second waits here for the first one's commit, and then finds its row.
        AuditChain.objects.bulk_create([AuditChain(id=chain_id)], ignore_conflicts=True)
        chain = _lock(chain_id)
    assert chain is not None  # noqa: S101
    return chain


def _lock(chain_id: uuid.UUID) -> AuditChain | None:
    statement = f"SELECT position, head FROM {AuditChain._meta.db_table} WHERE id = %s"  # noqa: S608
    if connection.features.has_select_for_update:
        statement += " FOR UPDATE"
    with prepared.cursor() as cursor:
        cursor.execute(statement, [_as_stored(chain_id)])
        found = cursor.fetchone()
    return None if found is None else AuditChain(id=chain_id, position=found[0], head=found[1])


def append(chain: AuditChain, entries: Sequence[NewEntry]) -> list[AuditEntry]:
    """Append cleaned entries behind a locked head, which moves on."""
    now = timezone.now()
    rows = []
    for new in entries:
        row = AuditEntry(
            chain_id=chain.pk,
            position=chain.position + 1,
            at=now,
            actor_kind=new.actor.kind,
            actor_id=new.actor.id,
            actor_label=new.actor.label,
            action=new.action,
            object_type=new.object_type,
            object_id=new.object_id,
            object_label=new.object_label,
            outcome=new.outcome,
            details=new.details,
            previous_hash=chain.head,
        )
        row.hash = entry_hash(row)
        chain.position, chain.head = row.position, row.hash
        rows.append(row)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        _write(chain, rows[start : start + ROWS_AT_ONCE])
    return rows


def _write(chain: AuditChain, rows: Sequence[AuditEntry]) -> None:
    """The rows, and the head that stands behind the last of them; on PostgreSQL in one statement."""
    columns = _columns()
    one = f"({', '.join(['%s'] * len(columns))})"
    insert = (
        f"INSERT INTO {AuditEntry._meta.db_table} ({', '.join(columns)}) VALUES "  # noqa: S608
        f"{', '.join([one] * len(rows))} RETURNING id"
    )
    inserted = [value for row in rows for value in _values(row, columns)]
    update = f"UPDATE {AuditChain._meta.db_table} SET position = %s, head = %s WHERE id = %s"  # noqa: S608
    updated = [rows[-1].position, rows[-1].hash, _as_stored(chain.pk)]
    with prepared.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"WITH moved AS ({update}) {insert}", [*updated, *inserted])
        else:
            cursor.execute(update, updated)
            cursor.execute(insert, inserted)
        numbers = cursor.fetchall()
    for row, (number,) in zip(rows, numbers, strict=True):
        row.pk = number


def _values(row: AuditEntry, columns: Sequence[str]) -> Iterator[Any]:
    for name in columns:
        value = getattr(row, name)
        match name:
            case "chain_id":
                yield _as_stored(value)
            case "at":
                yield connection.ops.adapt_datetimefield_value(value)
            case "details":
                yield connection.ops.adapt_json_value(value, None)
            case _:
                yield value


def _as_stored(identity: uuid.UUID) -> object:
    return identity if connection.features.has_native_uuid_field else identity.hex


def entry_hash(entry: AuditEntry) -> str:
    """The hash that `entry` should have, from its fields as they are."""
    fields = [
        str(entry.chain_id),
        entry.position,
        entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        entry.actor_kind,
        entry.actor_id,
        entry.actor_label,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.object_label,
        entry.outcome,
        plain(entry.details),
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{entry.previous_hash}\n{text}".encode()).hexdigest()
