"""`manage.py reset_second_factor`: for somebody of staff who has lost their app and their recovery codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from botaccounts.staff import services
from organizations.audit import Actor
from organizations.terminal import refuse


class Command(BaseCommand):
    """Exit code 0 when they have none any more, 2 when there is nobody of that name."""

    help = "Remove a person's second factor. Their next sign-in to the Django admin sets up a new one. It is audited."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise refuse("There is nobody with this user name.")
        if services.reset(Actor.command("reset_second_factor"), user):
            self.stdout.write(f"The second factor of {user.get_username()} is removed.")
        else:
            self.stdout.write(f"{user.get_username()} had no second factor.")
