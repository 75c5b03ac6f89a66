"""An API integration: what a bot calls in the middle of a conversation."""

import uuid

from django.db import models


class Method(models.TextChoices):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"


class ApiIntegration(models.Model):
    """One call. URL, parameters, headers and body may hold `{$botContext.NAME}`.

    `headers` and `parameters` are lists of `[name, value]` pairs: order counts and a name may come twice.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    bot = models.ForeignKey("organizations.Bot", on_delete=models.PROTECT, related_name="integrations")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255)
    method = models.CharField(max_length=10, choices=Method, default=Method.GET)
    url = models.TextField()
    credential = models.ForeignKey(
        "credentials.Credential", null=True, blank=True, on_delete=models.PROTECT, related_name="integrations"
    )
    use_default_headers = models.BooleanField(default=True)
    headers = models.JSONField(default=list, blank=True)
    parameters = models.JSONField(default=list, blank=True)
    body = models.TextField(blank=True)
    # Grows with every edit, so that two people do not overwrite each other unseen.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "API integration"
        constraints = [models.UniqueConstraint(fields=["bot", "name"], name="integration_name_unique_in_bot")]

    def __str__(self) -> str:
        return self.name
