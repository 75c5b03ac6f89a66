"""Where another system is told of events, and every message that was or is to be sent there."""

import uuid

from django.conf import settings
from django.db import models

from credentials.crypto.fields import EncryptedField, SealedModel


class Webhook(SealedModel):
    """An address and the secret that its messages are signed with: of an organization, or of one service token.

    Messages to one address go out one after another: who has the claim sends. `blocked_until` is set while the address
    fails altogether, and `failures` counts how often it has since it last answered. Until `previous_until` messages
    are signed with the `previous_secret`, too, so that whoever receives them has time to take the new one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    service_token = models.OneToOneField(
        "organizations.ServiceToken", null=True, on_delete=models.CASCADE, related_name="webhook"
    )
    url = models.TextField()
    secret = EncryptedField()
    previous_secret = EncryptedField(db_default="")
    previous_until = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=models.Q(service_token__isnull=True),
                name="webhook_once_per_organization",
            )
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class WebhookDelivery(models.Model):
    """One message for one address. `due_at` is when to try (next); null when it was delivered or given up.

    `status` is the HTTP status of the last answer, `error` why there was none or it did not count.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    notice = models.ForeignKey("credentials.Notice", on_delete=models.CASCADE, related_name="deliveries")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=100, blank=True)
    milliseconds = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "notice"], name="delivery_once")]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["webhook", "created_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"delivery of {self.notice_id}"
