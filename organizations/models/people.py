"""Accounts, organizations, who belongs to them, and their bots."""

import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Trim
from django.utils import timezone

NAME_LENGTH = 255


def stripped_name(constraint: str) -> models.CheckConstraint:
    """A name is never empty and has no spaces around it, whichever door it came through."""
    return models.CheckConstraint(
        condition=models.Q(name=Trim(models.F("name"))) & ~models.Q(name=""),
        name=constraint,
        violation_error_message="Give a name without spaces around it.",
    )


class Role(models.TextChoices):
    """What a member is in an organization; `policies.py` says what each may do."""

    ADMINISTRATOR = "administrator", "Administrator"
    CREDENTIALS_MANAGER = "credentials_manager", "Credentials manager"
    API_DEVELOPER = "api_developer", "API developer"
    VIEWER = "viewer", "Viewer"


class Account(models.Model):
    """A brand's account: the number that appears in its addresses, and a name."""

    number = models.CharField(
        max_length=20, unique=True, validators=[RegexValidator(r"\A[0-9]+\Z", "An account number is digits only.")]
    )
    name = models.CharField(max_length=NAME_LENGTH)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["number"]
        constraints = [
            stripped_name("account_name_stripped"),
            models.CheckConstraint(condition=models.Q(number__regex=r"^[0-9]+$"), name="account_number_digits"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


class Organization(models.Model):
    """A part of an account. Credentials, bots and members belong to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="organizations")
    name = models.CharField(max_length=NAME_LENGTH)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="organizations")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            stripped_name("organization_name_stripped"),
            models.UniqueConstraint(fields=["account", "name"], name="organization_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one organization."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["organization_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization"],
                name="membership_unique",
                violation_error_message="This person is a member already.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.get_role_display()}"


class Invitation(models.Model):
    """Somebody who was made a member by e-mail. They cannot sign in before they have accepted by setting a password."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="invitation")
    sent_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return f"invitation of {self.user}"


class Bot(models.Model):
    """A bot of an organization; its integrations use the organization's credentials."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="bots")
    name = models.CharField(max_length=NAME_LENGTH)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            stripped_name("bot_name_stripped"),
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="bot_name_unique",
                violation_error_message="This organization has a bot with this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
