"""Hash chains in the database: their heads, which are locked for every append, and the rows behind them.

Plain SQL, because every use of a credential waits for this. PostgreSQL is told of all rows and heads in one statement,
whose text is always the same, so that it plans it once a connection.
"""

import functools
import hashlib
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from django.utils import timezone

from organizations.entries import NewEntry, plain
from organizations.models import AuditChain, AuditEntry
from organizations.sql import prepared, recordset

ROWS_AT_ONCE = 60  # 15 columns each: SQLite may be built to take 999 parameters


@functools.cache
def _fields() -> "tuple[models.Field[Any, Any], ...]":
    return tuple(field for field in AuditEntry._meta.local_concrete_fields if not field.primary_key)


@dataclass(slots=True)
class Head:
    """Where a chain stands: the position and the hash of its newest entry."""

    chain_id: uuid.UUID
    position: int
    hash: str


def locked_head(chain_id: uuid.UUID) -> Head:
    """The head of a chain, locked until the transaction ends; a new one where there is none yet."""
    return locked_heads([chain_id])[chain_id]


def locked_heads(chain_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Head]:
    """Several heads, locked in one order: whoever holds some never waits for somebody who waits for one of them."""
    heads = _lock(chain_ids)
    if missing := sorted(set(chain_ids) - set(heads)):
        # Two first entries at once: the second waits here for the first one's commit, and then finds its row.
        AuditChain.objects.bulk_create([AuditChain(id=each) for each in missing], ignore_conflicts=True)
        heads = _lock(chain_ids)
    return heads


def _lock(chain_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Head]:
    locking = "FOR UPDATE" if connection.features.has_select_for_update else ""
    statement = (
        f"SELECT id, position, head FROM {AuditChain._meta.db_table} WHERE id {prepared.among()} ORDER BY id {locking}"  # noqa: S608
    )
    found = prepared.rows(statement, [list(chain_ids)])
    heads = (Head(_as_read(key), position, newest) for key, position, newest in found)
    return {head.chain_id: head for head in heads}


# An entry as its columns, by name.
Row = dict[str, Any]


def append(head: Head, entries: Sequence[NewEntry]) -> list[Row]:
    """Append cleaned entries behind a locked head, which moves on."""
    return append_all([(head, entries)])


def append_all(appended: Sequence[tuple[Head, Sequence[NewEntry]]]) -> list[Row]:
    """Append cleaned entries behind several locked heads, which move on."""
    now = timezone.now()
    rows = [_behind(head, new, now) for head, entries in appended for new in entries]
    heads = [head for head, _ in appended]
    numbers = _write_at_once(heads, rows) if connection.vendor == "postgresql" else _write(heads, rows)
    return [{"id": number, **row} for row, number in zip(rows, numbers, strict=True)]


def _behind(head: Head, new: NewEntry, now: datetime) -> Row:
    row = {**_row(head.chain_id, new, now), "position": head.position + 1, "previous_hash": head.hash}
    head.position, head.hash = row["position"], _hash(row)
    row["hash"] = head.hash
    return row


def _row(chain_id: uuid.UUID, new: NewEntry, now: datetime) -> Row:
    return {
        "chain_id": chain_id,
        "at": now,
        "actor_kind": new.actor.kind,
        "actor_id": new.actor.id,
        "actor_label": new.actor.label,
        "action": new.action,
        "object_type": new.object_type,
        "object_id": new.object_id,
        "object_label": new.object_label,
        "outcome": new.outcome,
        "details": new.details,
    }


def _write_at_once(heads: Sequence[Head], rows: Sequence[Row]) -> list[int]:
    """The heads and the rows in one statement, each as one parameter of JSON."""
    moved = [{"id": each.chain_id, "position": each.position, "head": each.hash} for each in heads]
    texts = [json.dumps(moved, default=recordset.as_text), json.dumps(rows, default=recordset.as_text)]
    return [number for (number,) in prepared.rows(_statement(), texts)]


@functools.cache
def _statement() -> str:
    columns = ", ".join(str(field.column) for field in _fields())
    return (
        f"WITH moved AS (UPDATE {AuditChain._meta.db_table} AS chain SET position = new.position, head = new.head "  # noqa: S608
        "FROM json_to_recordset(%s::json) AS new(id uuid, position bigint, head text) WHERE chain.id = new.id) "
        f"INSERT INTO {AuditEntry._meta.db_table} ({columns}) "
        f"SELECT {columns} FROM json_to_recordset(%s::json) AS written({recordset.declared(_fields())}) RETURNING id"
    )


def append_alone(chain_id: uuid.UUID, entries: Sequence[NewEntry]) -> bool:
    """Lock the head, append cleaned entries behind it and commit, in one statement instead of four; on PostgreSQL.

    Outside of a transaction: it is one by itself. False where there is no head yet, and nothing was done.
    """
    now = timezone.now()
    rows = []
    for number, new in enumerate(entries, start=1):
        row = _row(chain_id, new, now)
        before, after = _around_position(row)
        rows.append({**row, "number": number, "text_before": before, "text_after": after})
    return bool(prepared.rows(_append_alone(), [chain_id, json.dumps(rows, default=recordset.as_text)]))


@functools.cache
def _append_alone() -> str:
    """Each entry is linked to the one before as `_hash` does it."""
    chain, entries = AuditChain._meta.db_table, AuditEntry._meta.db_table
    given = tuple(field for field in _fields() if field.column not in ("position", "previous_hash", "hash"))
    columns = ", ".join(str(field.column) for field in given)
    texts = "linked.hash || E'\\n' || new.text_before || (linked.position + 1)::text || new.text_after"
    return f"""
        WITH RECURSIVE
        head AS (SELECT id, position, head FROM {chain} WHERE id = %s FOR UPDATE),
        new AS (
            SELECT * FROM json_to_recordset(%s::json)
            AS new(number bigint, text_before text, text_after text, {recordset.declared(given)})
        ),
        linked(number, position, previous_hash, hash) AS (
            SELECT 0::bigint, position, ''::text, head::text FROM head
            UNION ALL
            SELECT new.number, linked.position + 1, linked.hash, encode(sha256(convert_to({texts}, 'UTF8')), 'hex')
            FROM linked JOIN new ON new.number = linked.number + 1
        ),
        newest AS (SELECT position, hash FROM linked ORDER BY number DESC LIMIT 1),
        moved AS (
            UPDATE {chain} AS chain SET position = newest.position, head = newest.hash FROM newest, head
            WHERE chain.id = head.id
        )
        INSERT INTO {entries} ({columns}, position, previous_hash, hash)
        SELECT {columns}, position, previous_hash, hash FROM linked JOIN new USING (number) ORDER BY number
        RETURNING id
    """  # noqa: S608


def _write(heads: Sequence[Head], rows: Sequence[Row]) -> list[int]:
    names, numbers = [field.attname for field in _fields()], []
    with prepared.cursor() as cursor:
        moved = [prepared.stored((head.position, head.hash, head.chain_id)) for head in heads]
        cursor.executemany(
            f"UPDATE {AuditChain._meta.db_table} SET position = %s, head = %s WHERE id = %s",  # noqa: S608
            moved,
        )
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            cursor.execute(_insert(len(some)), prepared.stored([row[name] for row in some for name in names]))
            numbers += [number for (number,) in cursor.fetchall()]
    return numbers


@functools.cache
def _insert(rows: int) -> str:
    columns = [str(field.column) for field in _fields()]
    one = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {AuditEntry._meta.db_table} ({', '.join(columns)}) VALUES {', '.join([one] * rows)} "  # noqa: S608
        "RETURNING id"
    )


def _as_read(identity: Any) -> uuid.UUID:
    return identity if isinstance(identity, uuid.UUID) else uuid.UUID(identity)


def entry_hash(entry: AuditEntry) -> str:
    """The hash that `entry` should have, from its fields as they are."""
    return _hash({**vars(entry), "details": plain(entry.details)})


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_HASHED = (
    *("actor_kind", "actor_id", "actor_label", "action", "object_type", "object_id", "object_label", "outcome"),
    "details",
)


def _hash(row: Row) -> str:
    """As the docstring of `organizations.audit` says it."""
    before, after = _around_position(row)
    return hashlib.sha256(f"{row['previous_hash']}\n{before}{row['position']}{after}".encode()).hexdigest()


def _around_position(row: Row) -> tuple[str, str]:
    """The JSON that is hashed, cut where the position stands, which is known once the chain is locked."""
    at = row["at"].astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return f"{_encode([str(row['chain_id'])])[:-1]},", f",{_encode([at, *(row[name] for name in _HASHED)])[1:]}"
