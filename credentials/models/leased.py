"""What every token has that is renewed under a lease, and what every journal of its requests has."""

import uuid
from datetime import datetime

from django.db import models

from credentials.crypto.fields import EncryptedField, SealedModel


class LeasedToken(SealedModel):
    """Somebody's tokens (RFC 6749 §1.4, §1.5), and the right to talk to the token endpoint about them.

    `generation` is the fence: it grows with every swap, and a swap only succeeds on the generation it was asked for.
    `lease_owner` and `lease_until` say who may talk to the token endpoint; without the lease nobody refreshes.
    `refresh_at` is when to try next; null means that there is nothing to try.
    `failures` counts the transient failures since the last success. `endpoint` is the token endpoint that was asked
    last, so that what is due and what is under way can be counted by provider.
    """

    access_token = EncryptedField()
    refresh_token = EncryptedField()
    token_type = models.CharField(max_length=100, blank=True)
    scope = models.TextField(blank=True)
    obtained_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    refresh_at = models.DateTimeField(null=True)
    generation = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    endpoint = models.ForeignKey(
        "credentials.TokenEndpoint", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    organization_id: uuid.UUID  # of whoever the model says it belongs to

    class Meta:
        abstract = True

    def lives_at(self, moment: datetime) -> bool:
        """Whether there is an access token that has not ended at `moment`. One without a known end lives."""
        return bool(self.access_token) and (self.expires_at is None or self.expires_at > moment)

    def is_leased_at(self, moment: datetime) -> bool:
        return self.lease_until is not None and self.lease_until >= moment


class Grant(models.TextChoices):
    """The `grant_type` of a token request (RFC 6749 §4.1.3, §4.4.2, §6)."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105


class AttemptState(models.TextChoices):
    STARTED = "started"
    ANSWERED = "answered"
    APPLIED = "applied"
    FAILED = "failed"


class Attempt(SealedModel):
    """One request to a token endpoint, written down before it is sent. A model of its own has the `token`.

    The raw answer is sealed before anybody parses it: after a crash it can still be applied, and a refresh token that
    the provider rotated is not lost. It is erased as soon as it has been applied or has failed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.CharField(max_length=20, choices=Grant)
    generation = models.PositiveBigIntegerField()
    # Of the token endpoint, so that what came of requests can be counted by provider.
    host = models.CharField(max_length=255, blank=True, default="", db_default="")
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.STARTED)
    answer = EncryptedField()
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
