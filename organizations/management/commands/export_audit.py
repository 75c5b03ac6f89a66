"""`manage.py export_audit`: a chain of the audit log as CSV or JSON lines."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from organizations import activity, audit
from organizations.activity import Criteria
from organizations.audit_export import FORMATS
from organizations.management.chains import add_chain_arguments, chosen_chain, day
from organizations.models import Organization
from organizations.terminal import refuse


class Command(BaseCommand):
    """Exit code 0 when everything was written, 2 when the chain or the file is not what was asked for."""

    help = "Export the audit log of an organization, or the system's, oldest first. The export is in the log itself."

    def add_arguments(self, parser: CommandParser) -> None:
        add_chain_arguments(parser)
        parser.add_argument("--format", choices=sorted(FORMATS), default="jsonl", help="default: %(default)s")
        parser.add_argument("--since", type=day, metavar="DATE", help="From the beginning of this day, UTC.")
        parser.add_argument("--until", type=day, metavar="DATE", help="To the end of this day, UTC.")
        parser.add_argument("--action", default="", help="One action, or a group of them such as credential.")
        parser.add_argument("--to", type=Path, metavar="FILE", help="A new file (mode 0600); standard output without.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization, _ = chosen_chain(options)
        until: datetime | None = options["until"]
        criteria = Criteria(
            action=options["action"],
            since=options["since"],
            until=until + timedelta(days=1) if until else None,
        )
        target: Path | None = options["to"]
        if target is None:
            self._export(organization, criteria, options["format"], cast(TextIO, self.stdout))
            return
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as reason:
            raise refuse(f"{target} cannot be written: {reason.strerror}.") from None
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            lines = self._export(organization, criteria, options["format"], file)
        self.stderr.write(f"{lines} lines were written to {target}.", self.style.SUCCESS)

    def _export(self, organization: Organization | None, criteria: Criteria, form: str, to: TextIO) -> int:
        actor = audit.Actor.command("export_audit")
        details = {"format": form, **criteria.as_details()}
        with transaction.atomic():
            entry = audit.record(organization, actor, "activity.exported", details=details)
        lines = 0
        for line in FORMATS[form][1](activity.oldest_first(organization, criteria, up_to=entry.position)):
            to.write(line)
            lines += 1
        return lines
