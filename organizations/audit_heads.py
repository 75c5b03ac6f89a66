"""Heads of audit chains that were kept elsewhere: does the log still go through them?

Who can rewrite the whole database can compute a new chain, but not one that passes through a head of last week. A log
that was restored from a backup ends before the heads that were kept after it.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from organizations.models import AuditChain, AuditEntry


@dataclass(frozen=True)
class Head:
    """Position and hash of the newest entry of a chain, as they once were. `name` is what the chain was called."""

    name: str
    position: int
    hash: str


def read(path: Path) -> Mapping[uuid.UUID, Head]:
    """The heads in a file of `verify_audit --json`. Raises `OSError`, and `ValueError` where it is none."""
    try:
        rows = json.loads(path.read_text())
        # Archives of a chain stand before the chain itself, which counts.
        found = {uuid.UUID(row["id"]): Head(str(row["chain"]), int(row["entries"]), str(row["head"])) for row in rows}
    except (AttributeError, KeyError, TypeError, ValueError):
        found = {}
    if not found:
        raise ValueError("it does not hold what `verify_audit --json` prints")
    return found


def difference(chain_id: uuid.UUID, kept: Head) -> str:
    """What is wrong with a chain that should go through `kept`, in words; "" where it does, or archives hold it."""
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is None:
        return "" if kept.position == 0 else f"gone: it had {kept.position} entries when its head was kept"
    if kept.position > chain.position:
        return f"ends at {chain.position}, before the head that was kept at {kept.position}"
    if kept.position < chain.archived:
        return ""
    if kept.position == chain.archived:
        found = chain.archived_hash
    else:
        entry = AuditEntry.objects.filter(chain_id=chain_id, position=kept.position).only("hash").first()
        found = entry.hash if entry else ""
    return "" if found == kept.hash else f"entry {kept.position} is not the one whose hash was kept"
