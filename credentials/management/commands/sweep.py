"""`manage.py sweep`: what the sweep does every 30 seconds, here and now, without a worker."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from credentials.services import challenge_exchange, consumers, deliveries, exchange, mails, refresh, sweep
from credentials.services.refresh import Outcome
from organizations.audit import Actor
from organizations.terminal import print_table, progress

ACTOR = Actor.command("sweep")
WORDS = {
    "exchanged": "codes exchanged",
    "taken_up": "interrupted exchanges taken up",
    "renewed": "tokens renewed",
    "consumers_exchanged": "consumers' codes exchanged",
    "consumers_renewed": "consumers' interrupted renewals finished",
    "abandoned": "authorizations that nobody finished",
    "expired": "credentials whose access has ended",
    "deleted": "old drafts and journal entries deleted",
    "warned": "things whose end somebody was warned of",
    "delivered": "messages delivered to webhooks",
    "mailed": "mails sent",
}


class Command(BaseCommand):
    """Finds what a lost message, a killed worker or a flushed queue left behind, and does it."""

    help = "Tidy up, exchange waiting codes and renew due tokens, in this process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        tidied, work = sweep.tidy(), sweep.find()
        steps = [
            *(("exchanged", each) for each in work.exchanges),
            *(("taken_up", each) for each in work.interrupted),
            *(("renewed", each) for each in work.renewals),
            *(("consumers_exchanged", each) for each in work.challenges),
            *(("consumers_renewed", each) for each in work.consumers),
            *(("delivered", each) for each in work.webhooks),
            *(("mailed", each) for each in work.mails),
        ]
        do = {
            "exchanged": exchange.exchange,
            "taken_up": exchange.take_up,
            "renewed": lambda each: refresh.refresh(each, actor=ACTOR) is Outcome.RENEWED,
            "consumers_exchanged": challenge_exchange.exchange,
            "consumers_renewed": lambda each: consumers.refresh(each, actor=ACTOR) is Outcome.RENEWED,
            "delivered": deliveries.deliver,
            "mailed": mails.send,
        }
        counts = dict.fromkeys(WORDS, 0) | {
            "abandoned": tidied.abandoned,
            "expired": tidied.expired,
            "deleted": tidied.deleted,
            "warned": tidied.warned,
        }
        with progress(self.stderr, "Sweeping") as report:
            for done, (what, each) in enumerate(steps, start=1):
                counts[what] += do[what](each)
                report(done, len(steps))
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            print_table(self.stdout, ["what", "how many"], [(word, counts[name]) for name, word in WORDS.items()])
