"""`manage.py credential_report`: how every credential stands, for a terminal or a script."""

import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Case, Count, F, Value, When

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services.describe import reason_of, type_of
from credentials.services.listing import EXPIRING, with_status
from organizations.models import Organization
from organizations.terminal import NEEDS_ATTENTION, print_table, refuse

COLUMNS = ("organization", "name", "type", "status", "reason", "expires", "last_used", "used_by")
BATCH = 1000


class Command(BaseCommand):
    """Nothing of it is secret."""

    help = "List credentials with their status. With --check, exit code 1 says that one of them needs somebody."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=uuid.UUID, metavar="ID", help="Only this organization's.")
        parser.add_argument("--json", action="store_true", help="Print one JSON array.")
        parser.add_argument("--check", action="store_true", help="Exit code 1 unless all are active.")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen: uuid.UUID | None = options["organization"]
        if chosen is not None and not Organization.objects.filter(pk=chosen).exists():
            raise refuse("There is no organization with this id.")
        rows = list(report(chosen))
        if options["json"]:
            self.stdout.write(json.dumps([as_json(row) for row in rows]))
        else:
            columns = COLUMNS if chosen is None else COLUMNS[1:]
            cells = (["never" if row[column] is None else row[column] for column in columns] for row in rows)
            print_table(self.stdout, [column.replace("_", " ") for column in columns], cells)
        if options["check"] and any(row["status"] != Status.ACTIVE.label for row in rows):
            sys.exit(NEEDS_ATTENTION)


def report(organization_id: uuid.UUID | None) -> Iterator[dict[str, Any]]:
    """A row a credential, by organization and name."""
    chosen = Credential.objects.all()
    if organization_id is not None:
        chosen = chosen.filter(organization_id=organization_id)
    found = (
        chosen.select_related("organization")
        .alias(in_status=F("status"))
        .annotate(
            used_by=Count("integrations", distinct=True) + Count("domains", distinct=True),
            expiring=Case(When(with_status(EXPIRING), then=Value(True)), default=Value(False)),
        )
    )
    for credential in found.order_by("organization__name", "organization_id", "name").iterator(BATCH):
        yield {
            "id": str(credential.pk),
            "organization": credential.organization.name,
            "organization_id": str(credential.organization_id),
            "name": credential.name,
            "type": type_of(credential),
            "status": "Expiring" if credential.expiring else Status(credential.stands[0]).label,
            "reason": reason_of(credential),
            "expires": credential.expires_at,
            "last_used": credential.last_used_at,
            "used_by": credential.used_by,
        }


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name].isoformat() if row[name] else None for name in ("expires", "last_used")}
    return row | moments
