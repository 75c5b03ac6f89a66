"""The tokens of consumers who were authenticated before the conversation, and the journal of their renewals."""

import uuid

from django.db import models

from credentials.models.leased import Attempt, LeasedToken


class ConsumerToken(LeasedToken):
    """One consumer's tokens, kept in one place for all organizations of the account.

    `subject` is the `sub` of the verified ID token. `organization` is the one whose service handed them over; its
    audit log has what happens to them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("organizations.Account", on_delete=models.PROTECT, related_name="consumer_tokens")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=255)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "subject"], name="consumer_token_unique")]
        indexes = [
            models.Index(
                fields=["lease_until"], name="consumer_token_leased", condition=models.Q(lease_until__isnull=False)
            ),
            models.Index(fields=["expires_at"], name="consumer_token_ended"),
            models.Index(fields=["endpoint", "organization"], name="consumer_token_of_endpoint"),
        ]

    def __str__(self) -> str:
        return f"consumer's token {self.pk}"

    def sealing_scope(self) -> str:
        """It belongs to the account and to none of its organizations alone."""
        return f"account {self.account_id}"


class ConsumerTokenAttempt(Attempt):
    """One renewal of a consumer's token."""

    token = models.ForeignKey(ConsumerToken, on_delete=models.CASCADE, related_name="attempts")
    account = models.ForeignKey("organizations.Account", on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["token", "started_at"], name="consumer_attempt_of_token"),
            models.Index(
                fields=["finished_at"], name="consumer_attempt_finished", condition=models.Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant} request of {self.token_id}: {self.state}"

    def sealing_scope(self) -> str:
        """As the token's."""
        return f"account {self.account_id}"
