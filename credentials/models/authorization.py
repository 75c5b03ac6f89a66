"""One attempt of a person to authorize a credential at its resource."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.expressions import RawSQL

from credentials.crypto.fields import EncryptedField, SealedModel


class AuthorizationStatus(models.TextChoices):
    """How far it has come.

    `started`: the person is at the resource. `received`: the code is here, or none is needed. `exchanging`: a worker
    has it. `asking`: the grant is here, but of another account than before, and a person has to say which is right.
    """

    STARTED = "started"
    RECEIVED = "received"
    EXCHANGING = "exchanging"
    ASKING = "asking"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OPEN = (
    AuthorizationStatus.STARTED,
    AuthorizationStatus.RECEIVED,
    AuthorizationStatus.EXCHANGING,
    AuthorizationStatus.ASKING,
)
# The condition of the index of what is open. SQLite takes the index only where that stands in the query, word for word
# and without parameters; PostgreSQL takes it anyway.
IS_OPEN = RawSQL(
    "credentials_authorization.status IN ('started', 'received', 'exchanging', 'asking')", [], models.BooleanField()
)
# What the next authorization is compared with is the account of a former one. These tell of none.
TELLS_NO_ACCOUNT = ~models.Q(status="succeeded") | models.Q(account_subject="")


class Authorization(SealedModel):
    """What binds a callback to the person, the browser and the credential that started it (RFC 6749 §10.12).

    Of state and browser nonce only SHA-256 digests are kept. The code is sealed and erased after its one use.
    `error` is a code of RFC 6749 §4.1.2.1 or §5.2, or one of `credentials.oauth.errors`.

    `asked_scope`, `granted_scope`, `refresh_token_issued` (null until the resource has answered) and `access_ends_at`
    say what came of it. `account_issuer` and `account_subject` name who granted, where the resource says so;
    `account_name` is what a person knows them by. The grant that a question is about stays sealed in its attempt.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    credential = models.ForeignKey("credentials.Credential", on_delete=models.CASCADE, related_name="authorizations")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state_digest = models.CharField(max_length=64, unique=True)
    nonce_digest = models.CharField(max_length=64)
    verifier = EncryptedField()
    code = EncryptedField()
    redirect_uri = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    iss_required = models.BooleanField(default=False)
    userinfo_url = models.TextField(blank=True)
    asked_scope = models.TextField(blank=True)
    granted_scope = models.TextField(blank=True)
    refresh_token_issued = models.BooleanField(null=True)
    access_ends_at = models.DateTimeField(null=True)
    account_issuer = models.TextField(blank=True)
    account_subject = models.CharField(max_length=255, blank=True)
    account_name = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=12, choices=AuthorizationStatus, default=AuthorizationStatus.STARTED)
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
                name="authorization_open",
                condition=models.Q(status__in=["started", "received", "exchanging", "asking"]),
            ),
            models.Index(fields=["credential", "created_at"], name="authorization_of_cred"),
            models.Index(
                fields=["finished_at"],
                name="authorization_ended",
                condition=models.Q(finished_at__isnull=False) & TELLS_NO_ACCOUNT,
            ),
        ]

    def __str__(self) -> str:
        return f"authorization of {self.credential_id}: {self.status}"

    @property
    def is_over(self) -> bool:
        return self.status in {AuthorizationStatus.SUCCEEDED, AuthorizationStatus.FAILED}
