"""The outbox: what people and other systems are to be told, written in the transaction of what happened."""

import uuid

from django.conf import settings
from django.db import models


class Event(models.TextChoices):
    """What can be told; the values are the `type` of a webhook's message."""

    NEEDS_AUTHORIZATION = "credential.needs_authorization", "Needs authorization"
    FAILED = "credential.failed", "Failed"
    EXPIRING = "expiring", "Ends soon"
    PROVIDER_DOWN = "provider.down", "A provider is down"
    PROVIDER_BACK = "provider.back", "A provider is back"
    CHALLENGE_SUCCEEDED = "challenge.succeeded", "A consumer was authenticated"
    CHALLENGE_FAILED = "challenge.failed", "Authenticating a consumer failed"
    TEST = "webhook.test", "Test"


class Notice(models.Model):
    """One event, told once. `id` stays the same however often its delivery is tried.

    `data` is what a webhook gets: ids and words, never a secret. `headline`, `text` and `path` (of the page with the
    button that mends it) are for people. `action` is what somebody must be allowed to do to be told by mail; "" where
    it is not for people. `open_key` is set while a state lasts that is not to be told of twice. `digest` names the mail
    that it went into; null while none did.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="notices")
    event = models.CharField(max_length=40, choices=Event)
    headline = models.CharField(max_length=400)
    text = models.TextField(blank=True)
    path = models.CharField(max_length=400, blank=True)
    data = models.JSONField(default=dict)
    action = models.CharField(max_length=40, blank=True)
    open_key = models.CharField(max_length=300, blank=True)
    digest = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "open_key"], condition=~models.Q(open_key=""), name="notice_open_once"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="notice_by_age"),
            models.Index(
                fields=["organization", "created_at"],
                name="notice_to_mail",
                condition=models.Q(digest__isnull=True) & ~models.Q(action=""),
            ),
            models.Index(fields=["digest"], name="notice_of_digest", condition=models.Q(digest__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.headline


class NoticeMail(models.Model):
    """One mail to one person, about all notices of one `digest`. Address and text are made when it is sent.

    `due_at` is when to try (next); null when it was sent, given up, or is of no interest any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.UUIDField()
    due_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "user"], name="mail_once_per_person")]
        indexes = [
            models.Index(fields=["due_at"], name="mail_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["organization", "created_at"], name="mail_by_age"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk}"


class MailSwitchedOff(models.Model):
    """A person who wants no mails of an organization's notices."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "person without mails"
        verbose_name_plural = "people without mails"
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="mail_switched_off_once")]

    def __str__(self) -> str:
        return f"{self.user_id} wants no mails of {self.organization_id}"
