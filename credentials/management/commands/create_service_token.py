"""`manage.py create_service_token`: a service token from a terminal or a script."""

import json
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

from credentials.services.service_tokens import create
from organizations import issuing
from organizations.audit import Actor
from organizations.models import Organization
from organizations.scopes import Scope


def moment(text: str) -> datetime:
    """`90` is in ninety days; `2027-06-30` is the end of that day, UTC."""
    if text.isascii() and text.isdigit() and len(text) <= 5:
        return timezone.now() + timedelta(days=int(text))
    try:
        date = parse_date(text)
    except ValueError:
        date = None
    if date is None:
        raise CommandError(f"--expires is a number of days or a date such as 2027-06-30, not {text!r}.")
    return datetime.combine(date, time.max, tzinfo=UTC)


class Command(BaseCommand):
    """Prints the token once; nothing can print it again."""

    help = "Create a service token for an organization and print it. This is the only time that it can be seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, type=uuid.UUID, metavar="ID")
        parser.add_argument("--name", required=True, help="Where the token is used.")
        parser.add_argument(
            "--expires",
            default=str(issuing.DEFAULT_TOKEN_LIFETIME.days),
            metavar="DAYS|DATE",
            help="Days from now or a date such as 2027-06-30 (default: %(default)s; "
            f"at most {issuing.MAX_TOKEN_LIFETIME.days} days).",
        )
        parser.add_argument(
            "--scope",
            action="append",
            type=Scope,
            choices=list(Scope),
            metavar="SCOPE",
            help=f"What it may do, once for each: {', '.join(Scope)} (default: all).",
        )
        parser.add_argument(
            "--credential",
            action="append",
            default=[],
            metavar="NAME",
            help="A credential that it may be used with, once for each (default: every one).",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(pk=options["organization"]).first()
        if organization is None:
            raise CommandError("There is no organization with this id.")
        try:
            token, plaintext = create(
                Actor.command("create_service_token"),
                organization,
                options["name"],
                moment(options["expires"]),
                scopes=options["scope"] or Scope,
                names=options["credential"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if options["json"]:
            answer = {
                "id": str(token.pk),
                "organization": str(organization.pk),
                "name": token.name,
                "scopes": token.scopes,
                "credentials": token.credential_ids,
                "expires_at": token.expires_at.isoformat(),
                "token": plaintext,
            }
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(plaintext)
        self.stderr.write(
            f"{token.name}, for {organization.name}, until {token.expires_at:%Y-%m-%d %H:%M} UTC, "
            f"with {', '.join(token.scopes)}. "
            "It is shown this once: keep it where its user reads its secrets."
        )
