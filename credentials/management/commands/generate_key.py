"""`manage.py generate_key`: a new entry for CREDENTIAL_KEYS. Works on a machine where nothing is configured yet."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from credentials.crypto.keyring import generate


class Command(BaseCommand):
    help = "Print a new key for CREDENTIAL_KEYS, as ID:BASE64. Nothing is stored."
    # A key is made before there is anything to check.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--id", help="1-32 letters, digits, _ or -; by default the year and the next free letter")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            entry = generate(options["id"])
        except ValueError as reason:
            raise CommandError(f"No key was made: {reason}.") from None
        self.stdout.write(entry)
        self.stderr.write(
            "Put it first in CREDENTIAL_KEYS, before the keys in use; restart; then run `manage.py rotate_keys`."
        )
