"""The audit log: append-only, one hash chain per organization and one for the system.

Each entry holds the hash of the entry before it, and its own:

    hash = SHA-256( previous_hash + "\\n" + JSON )

where JSON is the array [chain id, position, at, actor kind, actor id, actor label, action, object type, object id,
object label, outcome, details], UTF-8, with sorted keys, no spaces, and `at` in UTC with microseconds. Editing,
removing or reordering an entry therefore breaks the chain at that place; cutting off its end no longer matches the
head. Somebody who can rewrite the whole database can also compute a new chain, which is why `verify_audit` prints the
heads: keep them elsewhere.

`record` belongs inside the transaction of the change it tells of, as its last statement: it locks the head of the
chain until the commit, and everything that writes to the same chain waits for it.
"""

import hashlib
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from organizations.models import SYSTEM_CHAIN, AuditChain, AuditEntry, Organization, ServiceToken

MAX_TEXT = 500
MAX_LABEL = 255
MAX_DEPTH = 6
BATCH = 1000

# Names under which a secret arrives by mistake. A yes or no under such a name is fine: `{"refresh_token": True}`.
_SECRET_NAMES = frozenset(
    {"access_token", "refresh_token", "id_token", "client_secret", "password", "code_verifier", "private_key", "token"}
)


@dataclass(frozen=True)
class Actor:
    """Who does something: a person, a service token, a worker, a command, or somebody not signed in."""

    kind: str
    id: str = ""
    label: str = ""

    @classmethod
    def for_user(cls, user: AbstractBaseUser) -> "Actor":
        return cls("user", str(user.pk), user.get_username())

    @classmethod
    def for_service_token(cls, token: ServiceToken) -> "Actor":
        return cls("service_token", str(token.pk), str(token))

    @classmethod
    def worker(cls) -> "Actor":
        return cls("worker", label="worker")

    @classmethod
    def command(cls, name: str) -> "Actor":
        return cls("command", name, f"manage.py {name}")

    @classmethod
    def anonymous(cls) -> "Actor":
        return cls("anonymous", label="not signed in")


@dataclass(frozen=True)
class NewEntry:
    """An entry that is to be appended; `record_many` gives it its place in the chain."""

    actor: Actor
    action: str
    object_type: str = ""
    object_id: str = ""
    object_label: str = ""
    outcome: str = "ok"
    details: dict[str, Any] = field(default_factory=dict)


def record(
    organization: Organization | None,
    actor: Actor,
    action: str,
    *,
    object_type: str = "",
    object_id: str = "",
    object_label: str = "",
    outcome: str = "ok",
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry to the organization's chain (the system's when there is none).

    Raises `TransactionManagementError` outside `transaction.atomic`, and `ValueError` or `TypeError` for details that
    are no plain JSON or carry a text under a secret's name.
    """
    new = NewEntry(actor, action, object_type, object_id, object_label, outcome, details or {})
    return record_many(organization, [new])[0]


def record_many(organization: Organization | None, entries: Sequence[NewEntry]) -> list[AuditEntry]:
    """Append several entries to one chain under one lock, in the order given."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry is written inside the transaction of its change.")
    cleaned = [_cleaned(entry) for entry in entries]
    if not cleaned:
        return []
    chain = _locked_head(SYSTEM_CHAIN if organization is None else organization.pk)
    now = timezone.now()
    rows = []
    for new in cleaned:
        row = AuditEntry(
            chain=chain,
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
    AuditEntry.objects.bulk_create(rows, batch_size=BATCH)
    chain.save(update_fields=["position", "head"])
    return rows


def _locked_head(chain_id: uuid.UUID) -> AuditChain:
    heads = AuditChain.objects.select_for_update()
    chain = heads.filter(pk=chain_id).first()
    if chain is None:
        # Two first entries at once: the second waits here for the first one's commit, and then finds its row.
        AuditChain.objects.bulk_create([AuditChain(id=chain_id)], ignore_conflicts=True)
        chain = heads.get(pk=chain_id)
    return chain


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
        _plain(entry.details),
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{entry.previous_hash}\n{text}".encode()).hexdigest()


def _cleaned(new: NewEntry) -> NewEntry:
    """What fits the columns and survives the way into the database and back unchanged, on PostgreSQL and SQLite."""
    return NewEntry(
        actor=Actor(new.actor.kind, _text(new.actor.id, 64), _text(new.actor.label, MAX_LABEL)),
        action=new.action,
        object_type=new.object_type,
        object_id=_text(str(new.object_id), 64),
        object_label=_text(new.object_label, MAX_LABEL),
        outcome=_text(new.outcome, 40),
        details=_plain(new.details),
    )


def _text(value: str, limit: int) -> str:
    """Cut to `limit` characters; PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair."""
    value = value.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _plain(value: Any, depth: int = 0) -> Any:
    """Plain JSON only: an object that turns itself into text could carry a secret along."""
    if depth > MAX_DEPTH:
        raise ValueError("The details of an audit entry are nested too deep.")
    match value:
        case None | bool() | int():
            return value
        case float():
            # PostgreSQL gives 3600.0 and 1e22 back as integers.
            if not math.isfinite(value):
                return str(value)
            return int(value) if value.is_integer() else value
        case str():
            return _text(value, MAX_TEXT)
        case list() | tuple():
            return [_plain(item, depth + 1) for item in value]
        case dict():
            return {_key(key, item): _plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"The details of an audit entry are plain JSON, not {type(value).__name__}.")


def _key(key: object, value: object) -> str:
    if not isinstance(key, str):
        raise TypeError("The keys in the details of an audit entry are texts.")
    if key.lower() in _SECRET_NAMES and not isinstance(value, bool | None):
        raise ValueError(f"The details of an audit entry name a secret: {key}.")
    return _text(key, 64)


@dataclass(frozen=True)
class Verification:
    """What walking one chain found. `broken_at` is the first position that is not as it was written."""

    chain_id: uuid.UUID
    entries: int
    head: str
    broken_at: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken_at is None


def verify(chain: AuditChain | uuid.UUID) -> Verification:
    """Walk a chain from its first entry (or the first that is not archived) to its head, and say where it breaks first.

    Entries that are appended meanwhile are not looked at; nothing is locked.
    """
    chain_id = chain.pk if isinstance(chain, AuditChain) else chain
    entries = AuditEntry.objects.filter(chain_id=chain_id)
    # In this order: an append writes entry and head in one commit, so a head read later is never behind.
    newest = entries.order_by("-position").values_list("position", flat=True).first() or 0
    head = AuditChain.objects.filter(pk=chain_id).first() or AuditChain(id=chain_id)
    position, running = head.archived, head.archived_hash

    def broken(at: int, reason: str) -> Verification:
        return Verification(chain_id, position, running, at, reason)

    while batch := list(
        entries.filter(position__gt=position, position__lte=head.position).order_by("position")[:BATCH]
    ):
        for entry in batch:
            if entry.position != position + 1:
                return broken(position + 1, "removed")
            if entry.hash != _recomputed(entry):
                return broken(entry.position, "edited")
            if entry.previous_hash != running:
                return broken(entry.position, "does not follow the entry before it")
            position, running = entry.position, entry.hash
    if position < head.position:
        return broken(position + 1, "removed from the end")
    if newest > head.position:
        return broken(head.position + 1, "added behind the head")
    if running != head.head:
        return broken(position, "does not match the head")
    return Verification(chain_id, position, running)


def _recomputed(entry: AuditEntry) -> str:
    try:
        return entry_hash(entry)
    except (TypeError, ValueError):
        return ""  # details that could never have been recorded


def recorded(entry: AuditEntry) -> bool:
    """Whether an entry is still there: a rollback takes it back together with the change it told of."""
    return AuditEntry.objects.filter(pk=entry.pk, hash=entry.hash).exists()
