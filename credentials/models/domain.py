"""A domain: a set of intents, which a third-party NLU engine may be trained with."""

import uuid

from django.db import models
from django.db.models.functions import Lower


class Domain(models.Model):
    """One domain of an organization, and the credential for its NLU engine, if it has one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255)
    credential = models.ForeignKey(
        "credentials.Credential", null=True, blank=True, on_delete=models.PROTECT, related_name="domains"
    )
    # Grows with every edit, so that two people do not overwrite each other unseen.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                name="domain_name_unique_in_organization",
                violation_error_message="There is already a domain of this name in the organization.",
            )
        ]

    def __str__(self) -> str:
        return self.name
