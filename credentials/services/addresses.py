"""The addresses that a person registers at a resource. They come from `PUBLIC_URL`, never from a request."""

from uuid import UUID

from django.conf import settings
from django.urls import reverse


def redirect_uri(credential_id: UUID) -> str:
    """The redirect URI (RFC 6749 §3.1.2) of this one credential.

    Each credential has its own: a code from one authorization server never reaches the token endpoint of another.
    """
    return f"{settings.PUBLIC_URL}{reverse('oauth2-callback', args=[credential_id])}"
