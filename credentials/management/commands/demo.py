"""`manage.py demo`: sample people, an organization with a bot, and an integration of the sandbox resource."""

import base64
import hashlib
import hmac
import ipaddress
import json
import os
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from credentials.models import ApiIntegration
from credentials.outbound import parse_allow
from credentials.services import integrations
from credentials.services.integrations import Definition
from organizations import services
from organizations.audit import Actor
from organizations.models import Account, Bot, Membership, Organization, Role, ServiceToken
from organizations.terminal import print_table

ACTOR = Actor.command("demo")
TOKEN = "demo"  # noqa: S105 - its name
TOKEN_LIFETIME = timedelta(days=30)
TOKENS_KEPT = 5
# The administrator comes first: scripts take the first one.
PEOPLE = (
    ("alice", Role.ADMINISTRATOR),
    ("bob", Role.CREDENTIALS_MANAGER),
    ("dana", Role.API_DEVELOPER),
    ("vic", Role.VIEWER),
)
OUTSIDER = "charlie"
INTEGRATION = "Look up an order"


@dataclass(frozen=True)
class Person:
    """How somebody signs in."""

    username: str
    password: str
    role: str


class Command(BaseCommand):
    """Can be run again and again: what is there stays, passwords are the same, and the service token is a new one."""

    help = (
        "Make a sample account with people of every role, a bot and an integration, and print how to sign in. "
        "Only for an installation on this machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")
        parser.add_argument("--force", action="store_true", help="Even where others can reach this installation.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (options["force"] or is_local(settings.PUBLIC_URL)):
            raise CommandError(
                f"Others may reach {settings.PUBLIC_URL}, and sample people would be let in there. "
                "Use --force if that is meant."
            )
        with transaction.atomic():
            made = build()
        if options["json"]:
            self.stdout.write(json.dumps(made))
        else:
            self._table(made)

    def _table(self, made: dict[str, Any]) -> None:
        self.stdout.write(f"{made['url']}\n")
        everybody = [*made["users"], made["outsider"]]
        rows = []
        for person in everybody:
            where = "" if person in made["users"] else " of another organization"
            rows.append((person["username"], person["password"], f"{person['role']}{where}"))
        print_table(self.stdout, ["user name", "password", "role"], rows)
        labels = ("account_number", "organization_id", "bot_id", "integration_id", "service_token")
        # A service token is longer than what a table of names needs.
        facts = [(label.replace("_", " "), made[label]) for label in labels]
        print_table(self.stdout, ["what", "value"], facts, longest=100)


def is_local(url: str) -> bool:
    """Whether only this machine reaches the address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def build() -> dict[str, Any]:
    """Everything that is missing, and what a script needs to know about all of it."""
    people = [person(username, role) for username, role in PEOPLE]
    organization = sample_organization("12345566", "Sample Brand", "Sample organization", "alice")
    for each in people:
        join(organization, each.username, Role(each.role))
    outsider = person(OUTSIDER, Role.ADMINISTRATOR)
    elsewhere = sample_organization("77001122", "Another Brand", "Another organization", OUTSIDER)
    join(elsewhere, OUTSIDER, Role.ADMINISTRATOR)
    bot = Bot.objects.filter(organization=organization, name="Sample bot").first() or services.create_bot(
        ACTOR, organization, "Sample bot"
    )
    _, service_token = services.create_service_token(ACTOR, organization, TOKEN, timezone.now() + TOKEN_LIFETIME)
    revoke_old_tokens(organization)
    return {
        "url": settings.PUBLIC_URL,
        "account_number": organization.account.number,
        "organization_id": str(organization.pk),
        "bot_id": str(bot.pk),
        "integration_id": str(sample_integration(bot).pk),
        "users": [asdict(each) for each in people],
        # Beside the list: a script that looks for a role finds the one of this organization.
        "outsider": {**asdict(outsider), "organization_id": str(elsewhere.pk)},
        "service_token": service_token,
    }


def revoke_old_tokens(organization: Organization) -> None:
    """A few runs may be in use side by side; the tokens of all runs before them would only pile up."""
    own = ServiceToken.objects.filter(organization=organization, name=TOKEN, revoked_at=None).order_by("-created_at")
    for old in own[TOKENS_KEPT:]:
        services.revoke_service_token(ACTOR, old)


def password_of(username: str) -> str:
    """The same at every run and nowhere stored: 100 bits out of SECRET_KEY, in groups that can be typed."""
    mac = hmac.new(settings.SECRET_KEY.encode(), f"demo:{username}".encode(), hashlib.sha256).digest()
    letters = base64.b32encode(mac).decode().lower()[:20]
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5))


def person(username: str, role: Role) -> Person:
    """Somebody who can sign in. The sample administrator is staff as well, to see the Django admin."""
    password = password_of(username)
    user, _ = User.objects.get_or_create(username=username)
    administers = username == PEOPLE[0][0]
    if not (user.is_active and user.is_superuser == administers and user.check_password(password)):
        user.is_active, user.is_staff, user.is_superuser = True, administers, administers
        user.set_password(password)
        user.save()
    return Person(username, password, str(role))


def sample_organization(number: str, brand: str, name: str, administrator: str) -> Organization:
    account = Account.objects.filter(number=number).first() or services.create_account(ACTOR, number, brand)
    organization = Organization.objects.select_related("account").filter(account=account, name=name).first()
    return organization or services.create_organization(
        ACTOR, account, name, administrator=User.objects.get(username=administrator)
    )


def join(organization: Organization, username: str, role: Role) -> None:
    membership = (
        Membership.objects.select_related("user", "organization")
        .filter(organization=organization, user__username=username)
        .first()
    )
    if membership is None:
        services.add_member(ACTOR, organization, username, role)
    elif membership.role != role:
        services.change_role(ACTOR, membership, role)


def sample_integration(bot: Bot) -> ApiIntegration:
    """The sandbox's orders, without a credential: attaching one is what there is to try."""
    sandbox = os.environ.get("SANDBOX_URL", "").rstrip("/") or "http://127.0.0.1:8001"
    definition = Definition(bot, INTEGRATION, "GET", f"{sandbox}/api/orders/{{$botContext.orderId}}")
    # Writing the address down needs no permission of the operator; calling it does.
    parts = urlsplit(sandbox)
    allowance = parse_allow([f"{parts.hostname}:{parts.port or 80}"])
    existing = ApiIntegration.objects.filter(bot=bot, name=INTEGRATION).first()
    if existing is None:
        return integrations.create(ACTOR, definition, allowance=allowance)
    if existing.url != definition.url and existing.credential_id is None:
        return integrations.edit(ACTOR, existing, definition, allowance=allowance)
    return existing
