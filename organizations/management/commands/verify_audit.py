"""`manage.py verify_audit`: walk the audit chains and say whether they are as they were written."""

import json
import sys
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations import audit
from organizations.models import SYSTEM_CHAIN, AuditChain, Organization


class Command(BaseCommand):
    """Exit code 0 when every chain holds, 1 when one is broken."""

    help = (
        "Verify the audit log: one hash chain per organization and one for the system. Keep the printed heads "
        "elsewhere: a chain whose head was once printed cannot be rewritten unnoticed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=uuid.UUID, metavar="ID", help="Only this organization's chain.")
        parser.add_argument("--json", action="store_true", help="Print one JSON array.")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen: uuid.UUID | None = options["organization"]
        names = {row.pk: row.name for row in Organization.objects.only("name")}
        chains = set(AuditChain.objects.values_list("pk", flat=True)) | names.keys()
        if chosen is not None:
            if chosen not in chains:
                raise CommandError("There is no organization or audit chain with this id.")
            chains = {chosen}
        rows = []
        for chain_id in sorted(chains, key=lambda each: (each != SYSTEM_CHAIN, names.get(each, ""), each)):
            name = "system" if chain_id == SYSTEM_CHAIN else names.get(chain_id, str(chain_id))
            rows.append(_row(name, audit.verify(chain_id)))
        if options["json"]:
            self.stdout.write(json.dumps(rows))
        else:
            self._table(rows)
        if not all(row["ok"] for row in rows):
            sys.exit(1)

    def _table(self, rows: list[dict[str, Any]]) -> None:
        names = {id(row): _inert(row["chain"]) for row in rows}
        width = max([5, *(len(name) for name in names.values())])
        self.stdout.write(f"{'CHAIN':<{width}}  {'ENTRIES':>9}  {'HEAD':<64}  VERDICT")
        for row in rows:
            verdict = self.style.SUCCESS("intact") if row["ok"] else self.style.ERROR(row["verdict"])
            self.stdout.write(f"{names[id(row)]:<{width}}  {row['entries']:>9}  {row['head']:<64}  {verdict}")


def _row(name: str, found: audit.Verification) -> dict[str, Any]:
    ok, verdict = found.ok, "intact"
    if found.broken_at is not None:
        verdict = f"broken at {found.broken_at}: {found.reason}"
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


def _inert(name: str) -> str:
    """A name cannot draw on the terminal or turn its line around."""
    return "".join(character if character.isprintable() else "?" for character in name)[:60]
