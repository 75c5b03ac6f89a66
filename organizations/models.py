"""Accounts, organizations, who belongs to them, and what was done in them.

Nothing here disappears along with something else (`PROTECT` everywhere): each removal is a use case of its own in
`services.py`, which writes its audit entry. What must hold at any time is a constraint of the database.
"""

import uuid
from typing import Any, NoReturn, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Trim
from django.utils import timezone

from organizations.scopes import Scope

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


class ServiceTokenQuerySet(models.QuerySet["ServiceToken"]):
    """Service tokens by their state."""

    def in_state(self, state: str) -> Self:
        """Those that are `active`, `expired` or `revoked` at this moment, as `ServiceToken.state` names it."""
        if state == "revoked":
            return self.exclude(revoked_at=None)
        living = models.Q(expires_at__gt=timezone.now())
        return self.filter(living if state == "active" else ~living, revoked_at=None)


class ServiceToken(models.Model):
    """What a bot's platform shows at the HTTP API: of one organization, expiring, kept only as a SHA-256 digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="service_tokens")
    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(
        max_length=8, db_index=True, help_text="The first characters after bat_, to tell tokens apart."
    )
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, help_text="What it may do: names of organizations.scopes.Scope.")
    # Ids, not a relation: what they name belongs to an application that this one does not know.
    credential_ids = models.JSONField(
        null=True, blank=True, help_text="The credentials that it may be used with; null is every one."
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ServiceTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [stripped_name("service_token_name_stripped")]

    def __str__(self) -> str:
        return f"{self.name} (bat_{self.prefix}…)"

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`, at this moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > timezone.now() else "expired"

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def reaches(self, credential_id: uuid.UUID | None) -> bool:
        """Whether it may be used with this credential; nothing keeps it from what needs none."""
        return self.credential_ids is None or credential_id is None or str(credential_id) in self.credential_ids


class AuditChain(models.Model):
    """The head of one hash chain. Its row is locked for every append.

    The id is the organization's own, or `SYSTEM_CHAIN` for what belongs to none. It is deliberately no foreign key:
    the record of an organization outlives the organization.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    position = models.PositiveBigIntegerField(default=0, help_text="The position of the newest entry.")
    head = models.CharField(max_length=64, blank=True, help_text="The hash of the newest entry.")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return "system" if self.id == SYSTEM_CHAIN else str(self.id)


SYSTEM_CHAIN = uuid.UUID(int=0)


class AppendOnly(TypeError):
    """Somebody tried to change or remove what is only ever added to."""

    def __init__(self) -> None:
        super().__init__("Audit entries are only ever added, by organizations.audit.")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Reading only; the database refuses on its own as well (see the migrations)."""

    def of(self, organization: Organization | None) -> Self:
        """The entries of one organization, or of the system when there is none."""
        return self.filter(chain_id=SYSTEM_CHAIN if organization is None else organization.pk)

    def about(self, object_type: str, object_id: object) -> Self:
        """The entries about one object, such as `about("credential", credential.pk)`; combine with `of()`."""
        return self.filter(object_type=object_type, object_id=str(object_id))

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One thing that was done or refused: who, what, to which object, with which outcome. Never a secret."""

    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="entries")
    position = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=255, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=40)
    details = models.JSONField(default=dict, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["chain_id", "-position"]
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="audit_position_unique")]
        # The three questions of the activity pages, each answered newest first from one index.
        indexes = [
            models.Index(fields=["chain", "action", "position"], name="audit_by_action"),
            models.Index(fields=["chain", "actor_id", "position"], name="audit_by_actor"),
            models.Index(fields=["chain", "object_id", "position"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id} #{self.position} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self, using: Any = None, keep_parents: bool = False) -> NoReturn:
        raise AppendOnly

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        """Only a fixture being loaded (`raw`) comes this way; it may add entries, not change one."""
        if not kwargs.get("raw") or not self._state.adding:
            raise AppendOnly
        super().save_base(*args, **kwargs)

    @property
    def what(self) -> str:
        """The action in words: `service_token.created` is "Service token created"."""
        return self.action.replace(".", " ").replace("_", " ").capitalize()
