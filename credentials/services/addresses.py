"""The addresses that a person registers at a resource. They come from `PUBLIC_URL`, never from a request."""

from uuid import UUID

from django.conf import settings
from django.urls import reverse

from credentials.types.base import CredentialType


def redirect_uri(credential_id: UUID) -> str:
    """The redirect URI (RFC 6749 §3.1.2) of this one credential.

    Each credential has its own: a code from one authorization server never reaches the token endpoint of another.
    """
    return f"{settings.PUBLIC_URL}{reverse('oauth2-callback', args=[credential_id])}"


def account_callback(number: str) -> str:
    """The redirect URI that a brand registers at its consumers' identity provider: one for the account."""
    return f"{settings.PUBLIC_URL}/callback/{number}/redirectedCode"


def consumer_link(handle: str) -> str:
    """What a bot sends to a consumer."""
    return f"{settings.PUBLIC_URL}{reverse('credentials:consumer-link', args=[handle])}"


def shown_redirect_uri(authentication: CredentialType, credential_id: UUID, account_number: str) -> str:
    """What a person copies while adding or looking at a credential of this type."""
    return account_callback(account_number) if authentication.shared_callback else redirect_uri(credential_id)
