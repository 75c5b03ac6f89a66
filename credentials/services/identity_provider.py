"""The identity provider of an account's consumers: find it, save it, and let its issuer fill it in."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, ConsumerToken, Credential
from credentials.models.challenge import ChallengeStatus
from credentials.oauth.client import Client
from credentials.oauth.issuer import IssuerMetadata, ask_issuer
from credentials.outbound import GuardedAdapter, origin
from credentials.services import notices
from credentials.services.edit import EditedMeanwhile, SecretsNeeded
from credentials.types.registry import UnknownType, room
from organizations import audit, group_commit
from organizations.access import Access
from organizations.models import Account
from organizations.policies import Action

DISCOVERY_SECONDS = 5.0
FIELDS = (
    "flow",
    "use_pkce",
    "display_name",
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "client_id",
    "client_authentication",
    "verification",
    "jwks_url",
    "public_key",
)
# The client secret, and consumers' refresh tokens, were entrusted to these.
ENDPOINTS = ("authorization_endpoint", "token_endpoint")
# Consumers' tokens were issued by this issuer to this client.
BINDING = ("issuer", "client_id")


# A consumer under way to the provider before must not end up with the one after.
UNFINISHED = (ChallengeStatus.STARTED, ChallengeStatus.RECEIVED, ChallengeStatus.EXCHANGING)


class NoIdentityProvider(Exception):
    """The account has none yet."""


def find(account: Account) -> ConsumerIdentityProvider | None:
    return ConsumerIdentityProvider.objects.filter(account=account).first()


def is_missing(credential: Credential) -> bool:
    """Whether the credential is of no use before its account has an identity provider."""
    try:
        authentication = room(credential.kind)
    except UnknownType:
        return False
    rows = ConsumerIdentityProvider.objects.filter(account=credential.account_id)
    return authentication.uses_identity_provider and not rows.exists()


def tell_view(access: Access) -> None:
    """Somebody is shown whether there is a client secret, and never the secret."""
    account = access.organization.account
    told = audit.NewEntry(access.actor, "identity_provider.viewed", "account", account.number, account.name)
    group_commit.append(access.organization.pk, [told])


def required(account_id: int) -> ConsumerIdentityProvider:
    """Raises `NoIdentityProvider`."""
    provider = ConsumerIdentityProvider.objects.filter(account=account_id).first()
    if provider is None:
        raise NoIdentityProvider
    return provider


def client_of(provider: ConsumerIdentityProvider) -> Client:
    """How we are registered there (RFC 6749 §2). Raises `Unsealable`."""
    return Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        token_url=provider.token_endpoint,
        authentication="body" if provider.client_authentication == "body" else "basic",
    )


def discover(issuer: str) -> IssuerMetadata | None:
    """What the issuer publishes, fetched through the guarded way out."""
    transport = GuardedAdapter(deadline=DISCOVERY_SECONDS)
    try:
        return ask_issuer(issuer, transport=transport, budget=DISCOVERY_SECONDS)
    finally:
        transport.close()


def save(access: Access, *, version: int, entered: Mapping[str, Any]) -> ConsumerIdentityProvider:
    """Save the cleaned values of the page. A blank secret keeps what is stored, unless a host has changed.

    `version` is the one that the page was made from; 0 where there was none. Raises `SecretsNeeded`,
    `EditedMeanwhile`.
    """
    access.require(Action.MANAGE_ACCOUNT)
    account = access.organization.account
    try:
        with transaction.atomic():
            before = ConsumerIdentityProvider.objects.select_for_update().filter(account=account).first()
            if (before.version if before else 0) != version:
                raise EditedMeanwhile
            secret = entered.get("client_secret") or ""
            if before and not secret and before.secrets and leads_elsewhere(before, entered):
                raise SecretsNeeded(["client_secret"])
            provider = before or ConsumerIdentityProvider(account=account)
            changed = sorted(name for name in FIELDS if before is None or getattr(before, name) != entered[name])
            worthless = before is not None and (leads_elsewhere(before, entered) or bool({*BINDING} & {*changed}))
            for name in FIELDS:
                setattr(provider, name, entered[name])
            if secret:
                provider.seal("secrets", {"client_secret": secret})
            provider.version = version + 1
            provider.updated_by = access.user
            provider.save(force_insert=before is None)
            forgotten = forget_consumers(account) if worthless else 0
            audit.record(
                access.organization,
                access.actor,
                "identity_provider.changed" if before else "identity_provider.created",
                object_type="account",
                object_id=account.number,
                object_label=account.name,
                details={
                    "changed": changed if before else [],
                    "replaced": ["client_secret"] if secret else [],
                    "consumers_forgotten": forgotten,
                },
            )
    except IntegrityError:
        raise EditedMeanwhile from None
    return provider


def leads_elsewhere(before: ConsumerIdentityProvider, entered: Mapping[str, Any]) -> bool:
    """Whether an endpoint is on another `scheme://host:port` than before."""
    return any(entered[name] and origin(entered[name]) != origin(getattr(before, name)) for name in ENDPOINTS)


def forget_consumers(account: Account) -> int:
    """Stored refresh tokens never travel to a new host. Consumers are handed over anew; how many were forgotten."""
    unfinished = ConsumerChallenge.objects.filter(account=account, status__in=UNFINISHED)
    for challenge in unfinished.exclude(service_token=None):
        notices.challenge_ended(challenge, ChallengeStatus.FAILED, error="changed")
    unfinished.update(status=ChallengeStatus.FAILED, error="changed", code="", verifier="", answer="", access_token="")
    _, by_model = ConsumerToken.objects.filter(account=account).delete()
    return by_model.get(ConsumerToken._meta.label, 0)
