"""`manage.py verify_audit`: walk the audit chains and archives of them: are they as they were written?"""

import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from organizations import audit, audit_archive, audit_heads
from organizations.models import SYSTEM_CHAIN, AuditChain, Organization
from organizations.terminal import NEEDS_ATTENTION, Verdict, print_table, progress, refuse

LONGEST = 64  # characters of a hash


class Command(BaseCommand):
    """Exit code 0 when every chain holds, 1 when one is broken, 2 for wrong arguments."""

    help = (
        "Verify the audit log: one hash chain per organization and one for the system. Keep the printed heads "
        "elsewhere: a chain whose head was once printed cannot be rewritten unnoticed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=uuid.UUID, metavar="ID", help="Only this organization's chain.")
        parser.add_argument(
            "--archive",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help="Files of archive_audit: verify them too, and that each goes on in the next or in the database.",
        )
        parser.add_argument(
            "--heads",
            type=Path,
            metavar="FILE",
            help="What `verify_audit --json` printed once: verify too that every chain still goes through its head.",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON array.")

    def handle(self, *args: Any, **options: Any) -> None:
        kept = heads(options["heads"]) if options["heads"] else {}
        rows = [*archives(options["archive"]), *self._chains(options["organization"], kept)]
        if options["json"]:
            self.stdout.write(json.dumps(rows))
        else:
            cells = (
                (row["chain"], row["entries"], row["head"], Verdict(row["verdict"], is_good=row["ok"])) for row in rows
            )
            print_table(self.stdout, ["chain", "entries", "head", "verdict"], cells, longest=LONGEST)
        if not all(row["ok"] for row in rows):
            sys.exit(NEEDS_ATTENTION)

    def _chains(self, chosen: uuid.UUID | None, kept: Mapping[uuid.UUID, audit_heads.Head]) -> list[dict[str, Any]]:
        names = {pk: head.name for pk, head in kept.items()}
        names |= {row.pk: row.name for row in Organization.objects.only("name")}
        chains = set(AuditChain.objects.values_list("pk", flat=True)) | names.keys()
        if chosen is not None:
            if chosen not in chains:
                raise refuse("There is no organization or audit chain with this id.")
            chains = {chosen}
        rows = []
        with progress(self.stderr, "Verifying") as report:
            for chain_id in sorted(chains, key=lambda each: (each != SYSTEM_CHAIN, names.get(each, ""), each)):
                name = "system" if chain_id == SYSTEM_CHAIN else names.get(chain_id, str(chain_id))
                rows.append(_row(name, audit.verify(chain_id), kept.get(chain_id)))
                report(len(rows), len(chains))
        return rows


def heads(path: Path) -> Mapping[uuid.UUID, audit_heads.Head]:
    """The heads of a file. Raises `CommandError` for what cannot be read or holds none."""
    try:
        return audit_heads.read(path)
    except OSError as reason:
        raise refuse(f"{path} cannot be read: {reason.strerror}.") from None
    except ValueError as reason:
        raise refuse(f"{path}: {reason}.") from None


def _row(name: str, found: audit.Verification, kept: audit_heads.Head | None) -> dict[str, Any]:
    ok, verdict = found.ok, "intact"
    differs = audit_heads.difference(found.chain_id, kept) if kept else ""
    if found.broken_at is not None:
        verdict = f"broken at {found.broken_at}: {found.reason}"
    elif differs:
        ok, verdict = False, differs
    elif found.entries == 0:
        # Whatever made the organization wrote the first entry.
        ok, verdict = False, "broken: no entry at all"
    return {
        "chain": name,
        "id": str(found.chain_id),
        "entries": found.entries,
        "head": found.head,
        "ok": ok,
        "broken_at": found.broken_at,
        "verdict": verdict,
    }


def archives(paths: list[Path]) -> list[dict[str, Any]]:
    """A row a file, in the order of the chains. Raises `CommandError` for what cannot be read or is no archive."""
    found = []
    for path in paths:
        try:
            found.append((path, audit_archive.verify(path)))
        except OSError as reason:
            raise refuse(f"{path} cannot be read: {reason.strerror}.") from None
        except ValueError as reason:
            raise refuse(f"{path}: {reason}.") from None
    found.sort(key=lambda each: (each[1].segment.chain, each[1].segment.first))
    everything = [verified for _, verified in found]
    rows = []
    for path, verified in found:
        ok, verdict = verified.ok, f"broken at {verified.broken_at}: {verified.reason}"
        if ok:
            ok, verdict = audit_archive.joins(verified, everything)
        rows.append(
            {
                "chain": f"{verified.segment.name} ({path.name})",
                "id": verified.segment.chain,
                "entries": verified.segment.entries,
                "head": verified.segment.last_hash,
                "ok": ok,
                "broken_at": verified.broken_at,
                "verdict": verdict,
            }
        )
    return rows
