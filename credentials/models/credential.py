"""A credential: one row, whose `kind` names the room in `credentials/types/` that knows the rest."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from credentials.crypto.fields import EncryptedField, SealedModel

# The one kind of which an account has at most one credential, over all its organizations. The database holds it, so
# that no two organizations can add one at the same moment; `CredentialType.one_per_account` says the same of the room.
ONCE_PER_ACCOUNT = "consumer_pre_authentication"


DEACTIVATED = "deactivated"  # a code like those of `status_code`


class Status(models.TextChoices):
    """What a person is told. *Expiring* is not stored: it is an active credential whose end is near."""

    ACTIVE = "active", "Active"
    NEEDS_AUTHORIZATION = "needs_authorization", "Needs authorization"
    AUTHORIZING = "authorizing", "Authorizing"
    FAILED = "failed", "Failed"


class Credential(SealedModel):
    """What a bot uses to be accepted by a resource.

    `payload` holds what may be shown (JSON object); `secrets` holds what may not (one sealed JSON object).
    `expires_at` is when access ends unless a person does something; null where it renews itself or never ends.
    `version` counts edits, so that two people editing at once cannot overwrite each other unseen.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="credentials")
    # Always the organization's account; it stands here so that the database can hold rules that span an account.
    account = models.ForeignKey("organizations.Account", on_delete=models.PROTECT, related_name="credentials")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    secrets = EncryptedField()
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)
    # A code of RFC 6749 or of `credentials.services.explain`, and the sentence a person reads.
    status_code = models.CharField(max_length=100, blank=True)
    status_reason = models.TextField(blank=True)
    status_changed_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # By staff. `status` stays what it was beneath; `stands` is what everybody is told.
    deactivated_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="created_credentials"
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="updated_credentials"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                name="credential_name_unique_in_organization",
                violation_error_message="There is already a credential of this name in the organization.",
            ),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(kind=ONCE_PER_ACCOUNT), name="credential_once_per_account"
            ),
        ]
        indexes = [
            # The list of the API. The one that people see is in the order of the first constraint.
            models.Index(fields=["organization", "name", "id"], name="credential_by_name"),
            models.Index(fields=["organization", "created_at", "id"], name="credential_by_age"),
            models.Index(fields=["organization", "last_used_at", "id"], name="credential_by_use"),
            # The filters of the list. Each alone, and both together.
            models.Index(fields=["organization", "status", "kind"], name="credential_by_status"),
            models.Index(fields=["organization", "kind", "status"], name="credential_by_kind"),
            models.Index(
                fields=["organization", "expires_at"],
                name="credential_by_end",
                condition=models.Q(expires_at__isnull=False),
            ),
            models.Index(
                fields=["organization"],
                name="credential_deactivated",
                condition=models.Q(deactivated_at__isnull=False),
            ),
            # The sweep asks only for what ends; most rows have no end.
            models.Index(fields=["expires_at"], name="credential_ending", condition=models.Q(expires_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def stands(self) -> tuple[str, str]:
        """Status and its code, as people and bots are told."""
        if self.deactivated_at is not None:
            return Status.FAILED, DEACTIVATED
        return self.status, self.status_code

    def open_secrets(self) -> dict[str, Any]:
        """The plaintext secrets. Raises `Unsealable` where the row was tampered with or its key is gone."""
        value = self.unseal("secrets")
        return value if isinstance(value, dict) else {}
