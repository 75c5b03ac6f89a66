"""Delete a credential, and revoke its token at the resource where that can be done (RFC 7009)."""

import enum
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from credentials.crypto.envelope import Unsealable
from credentials.models import ApiIntegration, Credential, Domain, OAuthToken
from credentials.oauth import client as oauth
from credentials.oauth.client import Client, TokenTypeHint
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter, leads_to_the_same_place
from credentials.services.authorize import discover, hold_workers
from credentials.services.records import record
from credentials.types.base import Material
from credentials.types.registry import UnknownType, room
from organizations.access import Access
from organizations.policies import Action

REVOCATION_SECONDS = 5.0


class InUse(Exception):
    """Integrations or domains use it; they have to be changed first."""


class Revocation(enum.Enum):
    NOTHING_TO_REVOKE = ""
    REVOKED = "Its token was revoked at the resource."
    NOT_OFFERED = "The resource says of no way to revoke a token; remove the access there if it should end at once."
    FAILED = "Its token could not be revoked at the resource; remove the access there if it should end at once."

    @property
    def of_a_grant(self) -> str:
        """The same of a grant that was turned down, whose credential stays."""
        return self.value.replace("Its token", "The new account's token", 1)


@dataclass(frozen=True)
class Held:
    """What is needed to revoke a token after the row is gone."""

    client: Client
    auth_url: str
    token: str
    hint: TokenTypeHint


def usages(credential: Credential) -> list[ApiIntegration]:
    """The integrations that use it, with their bots."""
    return list(
        ApiIntegration.objects.filter(credential=credential).select_related("bot").order_by("bot__name", "name")
    )


def domain_usages(credential: Credential) -> list[Domain]:
    """The domains that use it."""
    return list(Domain.objects.filter(credential=credential).order_by("name"))


def delete(access: Access, credential: Credential) -> Revocation:
    """Serving stops with the commit; revoking comes after it and can fail without bringing the credential back.

    Raises `InUse`.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    held, otherwise = None, Revocation.NOTHING_TO_REVOKE
    try:
        held = what_can_be_revoked(credential)
    except Unsealable:
        otherwise = Revocation.FAILED
    try:
        with transaction.atomic():
            hold_workers(credential)
            gone, _ = Credential.objects.filter(pk=credential.pk).delete()
            if gone:
                record(credential, access.actor, "credential.deleted")
    except (ProtectedError, IntegrityError):
        # The latter where it was given to an integration between the look and the commit.
        raise InUse from None
    return revoke(held) if held else otherwise


def what_can_be_revoked(credential: Credential) -> Held | None:
    """The refresh token where there is one: with it the whole grant ends (RFC 7009 §2.1). Raises `Unsealable`."""
    try:
        life_cycle = room(credential.kind).life_cycle
    except UnknownType:
        return None
    # The credential as it is with this token: an edit since it was looked up may have led both elsewhere.
    token = OAuthToken.objects.select_related("credential").filter(pk=credential.pk).first()
    if life_cycle is None or token is None:
        return None
    credential = token.credential
    refresh_token, access_token = token.unseal("refresh_token"), token.unseal("access_token")
    if not (refresh_token or access_token):
        return None
    return Held(
        client=life_cycle.client(Material(credential.payload, credential.open_secrets())),
        auth_url=life_cycle.authorization_endpoint(credential.payload),
        token=str(refresh_token or access_token),
        hint="refresh_token" if refresh_token else "access_token",
    )


def revoke(held: Held) -> Revocation:
    """Only at the Token URL's own host. The metadata are the word of the Auth URL's, which never sees a secret."""
    metadata = discover(held.auth_url) if held.auth_url else None
    if metadata is None or not metadata.revocation_endpoint:
        return Revocation.NOT_OFFERED
    if not leads_to_the_same_place(metadata.revocation_endpoint, held.client.token_url):
        return Revocation.NOT_OFFERED
    transport = GuardedAdapter(deadline=REVOCATION_SECONDS)
    try:
        answer = oauth.revoke(
            held.client,
            revocation_url=metadata.revocation_endpoint,
            token=held.token,
            hint=held.hint,
            transport=transport,
        )
    except OAuthFailure:
        return Revocation.FAILED
    finally:
        transport.close()
    return Revocation.REVOKED if answer.status == 200 else Revocation.FAILED
