"""Retention: whole segments of a chain move to a file, and the chain goes on from the hash of the last one.

An archive is JSON lines: a head that says which segment of which chain it is, then the entries as they were hashed.
What the chain says is archived (`AuditChain.archived`) is all that the database lets anybody remove.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.db import transaction

from organizations import activity, audit
from organizations.audit_export import FIELDS, as_json, json_line
from organizations.models import AuditChain, AuditEntry, Organization

FORMAT = "audit-archive-1"
BATCH = 1000
DELETED_AT_ONCE = 10_000

Report = Callable[[int, int], None]


class CannotArchive(Exception):
    """Nothing was removed; the message says why."""


@dataclass(frozen=True)
class Segment:
    """Entries `first` to `last` of a chain. `previous_hash` is what the first follows, `last_hash` what comes next."""

    chain: str
    name: str
    first: int
    last: int
    previous_hash: str
    last_hash: str

    @property
    def entries(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Verified:
    """What reading an archive found. `broken_at` is the first position that is not as it was written."""

    segment: Segment
    broken_at: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken_at is None


def archive(
    organization: Organization | None,
    chain_id: uuid.UUID,
    *,
    before: datetime,
    to: Path,
    actor: audit.Actor,
    report: Report = lambda done, total: None,
) -> Segment | None:
    """Move everything older than `before` into the new file `to` (mode 0600). None where nothing is that old.

    The file is written, flushed to the disk and verified before anything is removed. Raises `CannotArchive` where the
    segment is not intact, and `OSError` where the file cannot be written or is there already.
    """
    remove_archived(chain_id)
    segment = segment_before(organization, chain_id, before)
    if segment is None:
        return None
    write(segment, to, report)
    found = verify(to)
    if not found.ok or found.segment != segment:
        to.unlink()
        raise CannotArchive(f"entry {found.broken_at} is not as it was written: {found.reason}")
    with transaction.atomic():
        # Two runs at once: the second finds that the chain begins elsewhere by now.
        moved = AuditChain.objects.filter(pk=chain_id, archived=segment.first - 1).update(
            archived=segment.last, archived_hash=segment.last_hash
        )
        if moved:
            details = {"first": segment.first, "last": segment.last, "last_hash": segment.last_hash, "file": to.name}
            audit.record(organization, actor, "activity.archived", details=details)
    if not moved:
        to.unlink()
        raise CannotArchive("another run archives this chain")
    remove_archived(chain_id)
    return segment


def segment_before(organization: Organization | None, chain_id: uuid.UUID, before: datetime) -> Segment | None:
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is None:
        return None
    last = activity.position_of(chain_id, before) - 1
    if last <= chain.archived:
        return None
    end = AuditEntry.objects.filter(chain_id=chain_id, position=last).first()
    if end is None:
        raise CannotArchive(f"entry {last} is missing")
    name = organization.name if organization else str(chain)
    return Segment(str(chain_id), name, chain.archived + 1, last, chain.archived_hash, end.hash)


def write(segment: Segment, to: Path, report: Report) -> None:
    """A new file, whole and on the disk when this returns."""
    entries = AuditEntry.objects.filter(chain_id=uuid.UUID(segment.chain), position__lte=segment.last).order_by(
        "position"
    )
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(json_line({"format": FORMAT, **asdict(segment)}))
            done = segment.first - 1
            while batch := list(entries.filter(position__gt=done)[:BATCH]):
                file.writelines(json_line(as_json(entry)) for entry in batch)
                done = batch[-1].position
                report(done - segment.first + 1, segment.entries)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(to.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def remove_archived(chain_id: uuid.UUID) -> None:
    """Delete what is archived, a piece at a time; also what an interrupted run has left."""
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is None:
        return
    archived = AuditEntry.objects.filter(chain_id=chain_id, position__lte=chain.archived).order_by("position")
    while (first := archived.values_list("position", flat=True).first()) is not None:
        piece = AuditEntry.objects.filter(
            chain_id=chain_id, position__lt=min(first + DELETED_AT_ONCE, chain.archived + 1)
        )
        # The rows' own `delete` refuses, and so does the database for anything that is not archived.
        piece._raw_delete(piece.db)


def verify(path: Path) -> Verified:
    """Read an archive from its first line to its last and say where it breaks first.

    Raises `OSError` where it cannot be read, and `ValueError` where it is no archive.
    """
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        segment = head_of(file.readline())
        position, running = segment.first - 1, segment.previous_hash
        for entry in entries_of(file, segment):
            if entry is None:
                return Verified(segment, position + 1, "cannot be read")
            if entry.position != position + 1:
                return Verified(segment, position + 1, "removed")
            if entry.hash != recomputed(entry):
                return Verified(segment, entry.position, "edited")
            if entry.previous_hash != running:
                return Verified(segment, entry.position, "does not follow the entry before it")
            position, running = entry.position, entry.hash
    if position < segment.last:
        return Verified(segment, position + 1, "removed from the end")
    if position > segment.last:
        return Verified(segment, segment.last + 1, "added behind the end")
    if running != segment.last_hash:
        return Verified(segment, position, "does not match the head")
    return Verified(segment)


def head_of(line: str) -> Segment:
    try:
        head = json.loads(line)
        known = head.pop("format") == FORMAT
        segment = Segment(**head)
        uuid.UUID(segment.chain)
        sound = known and 0 < segment.first <= segment.last
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError("this is no archive of an audit log")
    return segment


def entries_of(lines: Iterator[str], segment: Segment) -> Iterator[AuditEntry | None]:
    """The entries of an archive; None for a line that is none."""
    for line in lines:
        try:
            fields = json.loads(line)
            values = {name: fields[name] for name in FIELDS if name != "at"}
            entry = AuditEntry(chain_id=uuid.UUID(segment.chain), at=datetime.fromisoformat(fields["at"]), **values)
            yield entry if fields["chain"] == segment.chain and isinstance(entry.position, int) else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            yield None


def recomputed(entry: AuditEntry) -> str:
    try:
        return audit.entry_hash(entry)
    except (TypeError, ValueError, AttributeError):
        return ""  # what could never have been recorded


def joins(found: Verified, others: list[Verified]) -> tuple[bool, str]:
    """Whether what follows an intact archive, another one or the chain in the database, begins where it ends.

    Returns a verdict in words with it.
    """
    segment = found.segment
    for other in others:
        if other.segment.chain == segment.chain and other.segment.first == segment.last + 1:
            if other.segment.previous_hash == segment.last_hash:
                return True, "intact, goes on in the next file"
            return False, f"broken at {segment.last + 1}: the next file does not follow it"
    chain = cast(Any, AuditChain.objects.filter(pk=segment.chain).first())
    if chain is None or chain.archived > segment.last:
        return True, "intact, what follows it was not given"
    if (chain.archived, chain.archived_hash) == (segment.last, segment.last_hash):
        return True, "intact, goes on in the database"
    return False, f"broken at {segment.last + 1}: the chain in the database does not follow it"
