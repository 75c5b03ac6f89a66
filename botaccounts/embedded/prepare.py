"""Bring the data up to date before anything starts: `python -m botaccounts.embedded.prepare`.

Checks the configuration, migrates, collects static files, makes the sample people where only this machine is served,
and prints what `manage.py demo --json` says ({} where it refuses). A process of its own, so that the supervisor holds
no connection and little memory.
"""

import io
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command


def main() -> int:
    """0, and the sample data as JSON on standard output; 1, and the checks' own words on standard error."""
    try:
        django.setup()
        from botaccounts.embedded.static_files import collect_when_changed

        call_command("check", stdout=io.StringIO())
        call_command("migrate", verbosity=0, interactive=False)
        collect_when_changed()
    except (CommandError, ImproperlyConfigured) as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    try:
        call_command("demo", "--json", stdout=sys.stdout)
    except CommandError as refusal:
        # Not on this machine alone: then nobody gets in with a sample password.
        sys.stderr.write(f"{refusal}\n")
        sys.stdout.write("{}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
