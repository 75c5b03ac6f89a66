"""How commands are told which chain of the audit log, and which day."""

import uuid
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import CommandParser

from organizations.models import SYSTEM_CHAIN, Organization
from organizations.terminal import refuse


def add_chain_arguments(parser: CommandParser) -> None:
    """`--organization ID` or `--system`; one of them is required."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--organization", type=uuid.UUID, metavar="ID", help="An organization's chain.")
    group.add_argument("--system", action="store_true", help="The chain of what belongs to no organization.")


def chosen_chain(options: Mapping[str, Any]) -> tuple[Organization | None, uuid.UUID]:
    """The organization (None for the system) and the id of its chain. Raises `CommandError`."""
    if options["system"]:
        return None, SYSTEM_CHAIN
    organization = Organization.objects.filter(pk=options["organization"]).first()
    if organization is None:
        raise refuse("There is no organization with this id.")
    return organization, organization.pk


def day(text: str) -> datetime:
    """`2026-06-30` is the beginning of that day, UTC."""
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        raise ArgumentTypeError("a date such as 2026-06-30") from None
