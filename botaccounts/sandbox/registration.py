"""Registering an application at the sandbox, from its page and from its command."""

from dataclasses import dataclass
from typing import Any

from oauth2_provider.generators import generate_client_id, generate_client_secret
from oauth2_provider.models import Application

GRANTS = (Application.GRANT_AUTHORIZATION_CODE, Application.GRANT_CLIENT_CREDENTIALS)


@dataclass(frozen=True)
class Registered:
    """A new application. The secret is in clear text here and nowhere else."""

    name: str
    client_id: str
    client_secret: str
    grant: str
    redirect_uris: str


def register(
    *,
    name: str,
    grant: str,
    redirect_uris: str,
    owner: Any,
    client_id: str = "",
    client_secret: str = "",
    id_tokens: bool = False,
) -> Registered:
    """Register a confidential client for `grant` (one of GRANTS); `redirect_uris` are separated by spaces.

    An id and a secret are made where none is given. With `id_tokens` it may ask for the scope openid.
    Raises ValidationError where the toolkit refuses the combination.
    """
    registered = Registered(
        name=name,
        client_id=client_id or generate_client_id(),
        client_secret=client_secret or generate_client_secret(),
        grant=grant,
        redirect_uris=redirect_uris,
    )
    application = Application(
        name=registered.name,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=registered.grant,
        redirect_uris=registered.redirect_uris,
        algorithm=Application.RS256_ALGORITHM if id_tokens else Application.NO_ALGORITHM,
        user=owner,
    )
    application.full_clean()
    application.save()
    return registered
