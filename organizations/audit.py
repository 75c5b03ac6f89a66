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

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from organizations import chain
from organizations.chain import entry_hash
from organizations.entries import Actor, NewEntry, cleaned
from organizations.models import SYSTEM_CHAIN, AuditChain, AuditEntry, Organization

__all__ = ["Actor", "NewEntry", "entry_hash", "record", "record_all", "record_many", "recorded", "verify"]

BATCH = 1000


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
    return record_all({chain_of(organization): entries})


def record_all(told: Mapping[uuid.UUID, Sequence[NewEntry]]) -> list[AuditEntry]:
    """Append to several chains (`chain_of`) at once, to each in the order given."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry is written inside the transaction of its change.")
    fit = {chain_id: [cleaned(entry) for entry in entries] for chain_id, entries in told.items() if entries}
    if not fit:
        return []
    heads = chain.locked_heads(fit)
    rows = chain.append_all([(heads[chain_id], entries) for chain_id, entries in fit.items()])
    return [AuditEntry(**row) for row in rows]


def chain_of(organization: Organization | None) -> uuid.UUID:
    """The id of an organization's chain; the system's when there is none."""
    return SYSTEM_CHAIN if organization is None else organization.pk


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


def verify(which: AuditChain | uuid.UUID) -> Verification:
    """Walk a chain from its first entry (or the first that is not archived) to its head, and say where it breaks first.

    Entries that are appended meanwhile are not looked at; nothing is locked.
    """
    chain_id = which.pk if isinstance(which, AuditChain) else which
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
