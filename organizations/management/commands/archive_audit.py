"""`manage.py archive_audit`: move the old part of an audit chain to a file, without breaking the chain."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from organizations import audit, audit_archive
from organizations.management.chains import add_chain_arguments, chosen_chain, day
from organizations.terminal import print_table, progress, refuse


class Command(BaseCommand):
    """Exit code 0 when it is done or nothing was that old, 1 when the segment is not intact, 2 for wrong arguments."""

    help = (
        "Move the entries of an audit chain that are older than a day to a new file. The chain goes on from the last "
        "one's hash. `verify_audit --archive FILE` verifies the file, and that the chain follows it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_chain_arguments(parser)
        parser.add_argument(
            "--before", type=day, required=True, metavar="DATE", help="Everything before this day, UTC."
        )
        parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="A new file; it gets mode 0600.")
        parser.add_argument(
            "--json", action="store_true", help="Print one JSON object; null where nothing was that old."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organization, chain_id = chosen_chain(options)
        before: datetime = options["before"]
        if before > timezone.now():
            raise refuse("--before is a day that has not come yet.")
        try:
            with progress(self.stderr, "Archiving") as report:
                segment = audit_archive.archive(
                    organization,
                    chain_id,
                    before=before,
                    to=options["to"],
                    actor=audit.Actor.command("archive_audit"),
                    report=report,
                )
        except OSError as reason:
            raise refuse(f"{options['to']} cannot be written: {reason.strerror}.") from None
        except audit_archive.CannotArchive as reason:
            raise CommandError(f"Nothing was archived: {reason}.") from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(segment) if segment else None))
        elif segment is None:
            self.stdout.write("Nothing is that old.")
        else:
            row = (segment.name, segment.entries, segment.first, segment.last, segment.last_hash)
            print_table(self.stdout, ["chain", "entries", "first", "last", "hash of the last"], [row], longest=64)
