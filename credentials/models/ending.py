"""What ends when: one row for each thing of a credential, and each service token, that stops working on a known day."""

import uuid

from django.db import models


class Mend(models.TextChoices):
    """What a person does about it, and so which button a notice leads to."""

    AUTHORIZE = "authorize", "Authorize"
    EDIT = "edit", "Edit"
    SERVICE_TOKENS = "service_tokens", "Service tokens"


class Ending(models.Model):
    """Derived from a credential's room and token, or from a service token, in the transaction that changes these.

    A table and not a calculation: the moments of client secrets and trust certificates stand in JSON and those of
    service tokens in another table, which no index could sort together; and that somebody was warned has to be kept
    somewhere. `warn_at` is when the next warning is due; null when there is none left to give.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    credential = models.ForeignKey(
        "credentials.Credential", null=True, on_delete=models.CASCADE, related_name="endings"
    )
    service_token = models.OneToOneField(
        "organizations.ServiceToken", null=True, on_delete=models.CASCADE, related_name="ending"
    )
    # In words, such as "Key certificate".
    what = models.CharField(max_length=255)
    mend = models.CharField(max_length=20, choices=Mend)
    ends_at = models.DateTimeField()
    warn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["credential", "what"], name="ending_unique_in_credential"),
            models.CheckConstraint(
                condition=models.Q(credential__isnull=False, service_token__isnull=True)
                | models.Q(credential__isnull=True, service_token__isnull=False),
                name="ending_of_one_thing",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "ends_at", "id"], name="ending_by_moment"),
            models.Index(fields=["warn_at"], name="ending_to_warn_of", condition=models.Q(warn_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.what} ends {self.ends_at:%Y-%m-%d}"
