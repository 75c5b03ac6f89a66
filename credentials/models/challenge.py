"""One request to a consumer, in the middle of a conversation, to sign in: and the token that came of it."""

import uuid

from django.db import models
from django.db.models.expressions import RawSQL

from credentials.crypto.fields import EncryptedField, SealedModel


class ChallengeStatus(models.TextChoices):
    """`waiting`: the link was sent. `started`: its button was pressed. `received`: the code is here. `exchanging`: a
    worker has it. `unconfirmed`: the consumer still has to tell the bot the confirmation code.
    """

    WAITING = "waiting"
    STARTED = "started"
    RECEIVED = "received"
    EXCHANGING = "exchanging"
    UNCONFIRMED = "unconfirmed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


# The condition of the index of what is open. SQLite takes the index only where that stands in the query, word for word
# and without parameters; PostgreSQL takes it anyway.
IS_OPEN = RawSQL(
    "credentials_consumerchallenge.status IN ('waiting', 'started', 'received', 'exchanging', 'unconfirmed')",
    [],
    models.BooleanField(),
)


class ConsumerChallenge(SealedModel):
    """Binds one sign-in to one conversation, one link, one browser and half an hour.

    Of the link's handle, the state and the browser's nonce only SHA-256 digests are kept. `subject` is whom the bot
    expects, `authenticated_subject` who it was. The access token belongs to this conversation and to no other; a
    refresh token is never stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    credential = models.ForeignKey("credentials.Credential", on_delete=models.CASCADE, related_name="challenges")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("organizations.Account", on_delete=models.PROTECT, related_name="+")
    # Which token's bot asked for it, and so whose webhook hears how it ended.
    service_token = models.ForeignKey(
        "organizations.ServiceToken", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    conversation = models.CharField(max_length=255)
    subject = models.CharField(max_length=255, blank=True)
    confirm = models.BooleanField(default=False)
    handle_digest = models.CharField(max_length=64, unique=True)
    state_digest = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - unique, and absent at first
    nonce_digest = models.CharField(max_length=64, blank=True)
    # The nonce of the ID token (OpenID Connect Core §3.1.2.1), the PKCE verifier and the code: erased after use.
    id_token_nonce = EncryptedField()
    verifier = EncryptedField()
    code = EncryptedField()
    answer = EncryptedField()
    attempts = models.PositiveSmallIntegerField(default=0)
    confirmation = EncryptedField()
    wrong_confirmations = models.PositiveSmallIntegerField(default=0)
    access_token = EncryptedField()
    token_type = models.CharField(max_length=100, blank=True)
    scope = models.TextField(blank=True)
    token_expires_at = models.DateTimeField(null=True)
    authenticated_subject = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=12, choices=ChallengeStatus, default=ChallengeStatus.WAITING)
    error = models.CharField(max_length=100, blank=True)
    error_description = models.TextField(blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="challenge_open",
                condition=models.Q(status__in=["waiting", "started", "received", "exchanging", "unconfirmed"]),
            ),
            models.Index(fields=["credential", "conversation", "finished_at"], name="challenge_of_conversation"),
            models.Index(
                fields=["token_expires_at"], name="challenge_with_token", condition=~models.Q(access_token="")
            ),
            models.Index(fields=["created_at"], name="challenge_by_age"),
        ]

    def __str__(self) -> str:
        return f"challenge {self.pk}: {self.status}"
