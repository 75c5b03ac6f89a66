"""`manage.py rotate_keys`: seal every secret again with the first key of CREDENTIAL_KEYS."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from credentials.services.rotate_keys import BATCH_SIZE, Rotation, rotate_keys
from organizations.terminal import NEEDS_ATTENTION, print_table, progress

LISTED = 20


class Command(BaseCommand):
    help = (
        "Seal every secret again with the first key of CREDENTIAL_KEYS, while everything keeps running. "
        "Can be stopped and run again. Exit code 1: something is left on another key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch-size", type=_positive, default=BATCH_SIZE, help="rows read at once (%(default)s)")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with progress(self.stderr, "Sealing") as report:
            rotation = rotate_keys(batch_size=options["batch_size"], progress=report)
        if options["json"]:
            self.stdout.write(json.dumps(rotation.to_json(), indent=2))
        else:
            self._print(rotation)
        if not rotation.complete:
            sys.exit(NEEDS_ATTENTION)

    def _print(self, rotation: Rotation) -> None:
        head = ("column", "re-sealed", "already current", "unopenable", "left")
        rows = [
            (f"{tally.table}.{tally.column}", tally.resealed, tally.current, tally.unopenable, tally.left)
            for tally in rotation.fields
        ]
        print_table(self.stdout, head, rows)
        for left in rotation.left_alone[:LISTED]:
            self.stdout.write(f"Left alone: {left.table}.{left.column} of row {left.row}: {left.reason}")
        if len(rotation.left_alone) > LISTED:
            self.stdout.write(f"... and {len(rotation.left_alone) - LISTED} more; --json lists them all.")
        if rotation.complete:
            self.stdout.write(f'Everything is sealed with the key "{rotation.primary}".')
        else:
            self.stdout.write(
                "Some secrets are left on another key. Replace the unopenable ones; if there are others, restart every "
                "process so that it knows the new key, and run again."
            )


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise ArgumentTypeError("a whole number of at least 1")
