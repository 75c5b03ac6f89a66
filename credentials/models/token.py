"""The token of an OAuth 2.0 credential, and the journal of every request made to obtain one."""

from django.db import models

from credentials.models.leased import Attempt, AttemptState, Grant, LeasedToken

__all__ = ["AttemptState", "Grant", "OAuthToken", "TokenAttempt"]


class OAuthToken(LeasedToken):
    """One credential's tokens."""

    credential = models.OneToOneField(
        "credentials.Credential", primary_key=True, on_delete=models.CASCADE, related_name="token"
    )
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "OAuth token"
        indexes = [
            models.Index(fields=["refresh_at"], name="token_due", condition=models.Q(refresh_at__isnull=False)),
            models.Index(fields=["endpoint", "organization"], name="token_of_endpoint"),
            models.Index(fields=["lease_until"], name="token_leased", condition=models.Q(lease_until__isnull=False)),
            # The list's filter *Expiring* asks for what is failing; hardly anything is.
            models.Index(
                fields=["organization"],
                name="token_failing",
                condition=models.Q(failures__gt=0, refresh_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"token of {self.pk}"


class TokenAttempt(Attempt):
    """One request about a credential's token."""

    token = models.ForeignKey(OAuthToken, on_delete=models.CASCADE, related_name="attempts")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    authorization = models.ForeignKey(
        "credentials.Authorization", null=True, on_delete=models.SET_NULL, related_name="attempts"
    )

    class Meta:
        indexes = [
            models.Index(fields=["token", "started_at"], name="attempt_of_token"),
            # Asked for at every renewal, among all that there were in a month.
            models.Index(fields=["token"], name="attempt_unfinished", condition=models.Q(finished_at__isnull=True)),
            models.Index(
                fields=["finished_at"], name="attempt_finished", condition=models.Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant} request of {self.token_id}: {self.state}"
