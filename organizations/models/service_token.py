"""What a bot shows: a token of one organization, of which only the digest is kept."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from organizations.models.people import NAME_LENGTH, Organization, stripped_name
from organizations.scopes import Scope


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
