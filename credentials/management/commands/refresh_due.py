"""`manage.py refresh_due`: renew what is due, here and now, whether or not a worker runs."""

import json
import sys
from collections import Counter
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from credentials.services import sweep
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from organizations.terminal import NEEDS_ATTENTION, print_table, progress

ACTOR = Actor.command("refresh_due")
WORDS = {
    Outcome.RENEWED: "renewed",
    Outcome.WAIT: "to be tried again",
    Outcome.HELD: "held back, the provider is down or busy",
    Outcome.ENDED: "need a person",
    Outcome.BUSY: "being renewed elsewhere",
    Outcome.NOT_DUE: "not due any more",
}
FAILED = (Outcome.WAIT, Outcome.HELD, Outcome.ENDED)


class Command(BaseCommand):
    """Exit code 0 when everything that was due is fresh, 1 when something could not be renewed."""

    help = "Renew every token that is due. Exit code 1: at least one could not be renewed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        outcomes: Counter[Outcome] = Counter()
        seen: set[UUID] = set()
        # In batches, as the sweep finds them; what could not be renewed now is not asked for a second time.
        with progress(self.stderr, "Renewing") as report:
            while found := [each for each in sweep.due_renewals() if each not in seen]:
                seen.update(found)
                for credential_id in found:
                    outcomes[refresh(credential_id, actor=ACTOR)] += 1
                    report(outcomes.total(), len(seen))
        if options["json"]:
            self.stdout.write(json.dumps({word.replace(" ", "_"): outcomes[each] for each, word in WORDS.items()}))
        else:
            rows = [(word, outcomes[each]) for each, word in WORDS.items()]
            print_table(self.stdout, ["outcome", "credentials"], rows)
        if any(outcomes[each] for each in FAILED):
            sys.exit(NEEDS_ATTENTION)
