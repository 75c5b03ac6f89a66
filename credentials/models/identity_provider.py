"""The identity provider of an account's consumers, configured once for all its organizations."""

from typing import Any

from django.conf import settings
from django.db import models

from credentials.crypto.fields import EncryptedField, SealedModel


class Flow(models.TextChoices):
    """How a consumer's tokens come: an ID token handed over (Implicit), or an authorization code (Code)."""

    IMPLICIT = "implicit", "Implicit"
    CODE = "code", "Code"


class Verification(models.TextChoices):
    """Where the keys are by which an ID token's signature is verified."""

    JWKS = "jwks", "JWKS endpoint"
    PUBLIC_KEY = "public_key", "JWT public key"


class ConsumerIdentityProvider(SealedModel):
    """Who vouches for an account's consumers (OpenID Connect Core 1.0).

    `secrets` is one sealed JSON object with `client_secret`. `version` counts edits.
    """

    account = models.OneToOneField(
        "organizations.Account", primary_key=True, on_delete=models.PROTECT, related_name="identity_provider"
    )
    flow = models.CharField(max_length=10, choices=Flow, default=Flow.CODE)
    use_pkce = models.BooleanField(default=True)
    display_name = models.CharField(max_length=255)
    issuer = models.TextField()
    authorization_endpoint = models.TextField()
    token_endpoint = models.TextField(blank=True)
    client_id = models.TextField()
    client_authentication = models.CharField(max_length=10, default="basic")
    secrets = EncryptedField()
    verification = models.CharField(max_length=12, choices=Verification, default=Verification.JWKS)
    jwks_url = models.TextField(blank=True)
    public_key = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"{self.display_name} of {self.account_id}"

    def sealing_scope(self) -> str:
        """It belongs to the account and to none of its organizations alone."""
        return f"account {self.account_id}"

    @property
    def client_secret(self) -> str:
        """The plaintext. Raises `Unsealable`."""
        value: Any = self.unseal("secrets")
        return str(value.get("client_secret", "")) if isinstance(value, dict) else ""
