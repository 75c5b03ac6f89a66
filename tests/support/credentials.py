"""Credentials and integrations as the services would have made them, without going through a resource."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from credentials.models import ApiIntegration, Credential, OAuthToken
from credentials.models.credential import Status
from organizations.models import Bot, Organization

CLIENT_SECRET = "canary-client-secret"
ACCESS_TOKEN = "canary-access-token"
REFRESH_TOKEN = "canary-refresh-token"


def make_credential(
    organization: Organization,
    name: str = "Orders",
    *,
    token_url: str = "https://as.example.com/token",  # noqa: S107
    status: Status = Status.ACTIVE,
    **columns: Any,
) -> Credential:
    """An OAuth 2.0 credential of the Client Credentials grant, without a token yet."""
    payload = {
        "grant_type": "client_credentials",
        "client_id": "client-1",
        "scope": "read",
        "token_url": token_url,
        "client_authentication": "basic",
    }
    credential = Credential(
        organization=organization,
        account=organization.account,
        name=name,
        kind="oauth2",
        payload=payload,
        status=status,
        **columns,
    )
    credential.seal("secrets", {"client_secret": CLIENT_SECRET})
    credential.save()
    return credential


def give_token(
    credential: Credential,
    access_token: str = ACCESS_TOKEN,
    *,
    expires_in: timedelta | None = timedelta(hours=1),
    obtained_at: datetime | None = None,
    **columns: Any,
) -> OAuthToken:
    """A token that lives for `expires_in` and would be renewed shortly before."""
    now = timezone.now()
    ends = now + expires_in if expires_in is not None else None
    token = OAuthToken(
        credential=credential,
        organization=credential.organization,
        token_type="Bearer",
        scope="read",
        obtained_at=obtained_at or now,
        expires_at=ends,
        generation=1,
        **{"refresh_at": ends, **columns},
    )
    token.seal("access_token", access_token)
    token.seal("refresh_token", REFRESH_TOKEN)
    token.save()
    return token


def make_integration(
    organization: Organization, url: str, *, credential: Credential | None = None, **columns: Any
) -> ApiIntegration:
    bot, _ = Bot.objects.get_or_create(organization=organization, name="Concierge")
    return ApiIntegration.objects.create(
        organization=organization,
        bot=bot,
        url=url,
        credential=credential,
        **{"name": "Look up an order", "method": "GET", **columns},
    )
