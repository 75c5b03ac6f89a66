"""Issue, recognize and revoke service tokens: one function per use case, which writes its audit entry too."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from organizations import audit, service_tokens
from organizations.access import Access, authorize
from organizations.audit import Actor
from organizations.models import Organization, ServiceToken
from organizations.names import valid_name
from organizations.policies import Action
from organizations.scopes import Scope

DEFAULT_TOKEN_LIFETIME = timedelta(days=365)
MAX_TOKEN_LIFETIME = timedelta(days=730)
LAST_USED_PRECISION = timedelta(minutes=1)
MAX_NAMED_CREDENTIALS = 200

By = Access | Actor


class AlreadyCreated(Exception):
    """The same form arrived a second time; what it asked for exists, and its secret was shown the first time."""


@transaction.atomic
def create_service_token(
    by: By,
    organization: Organization,
    name: str,
    expires_at: datetime,
    *,
    scopes: Iterable[Scope] = Scope,
    credential_ids: Iterable[uuid.UUID] | None = None,
    token_id: uuid.UUID | None = None,
) -> tuple[ServiceToken, str]:
    """Make a service token; the second value is its plain text, which is kept nowhere.

    `scopes` is what it may do. `credential_ids` restricts it to those credentials; the caller has made sure that they
    are the organization's. `token_id` is what a form carries so as to count once: `AlreadyCreated` when it comes again.
    """
    actor = authorize(by, organization, Action.MANAGE_SERVICE_TOKENS)
    now = timezone.now()
    if not now < expires_at <= now + MAX_TOKEN_LIFETIME + timedelta(minutes=1):
        raise ValidationError({"expires": f"A token lives for at most {MAX_TOKEN_LIFETIME.days} days."})
    wanted = set(scopes)
    granted = [str(scope) for scope in Scope if scope in wanted]
    if not granted:
        raise ValidationError({"scopes": "Choose at least one thing that the token may do."})
    named = None if credential_ids is None else sorted(map(str, set(credential_ids)))
    if named is not None and not 0 < len(named) <= MAX_NAMED_CREDENTIALS:
        raise ValidationError({"credentials": f"Name between 1 and {MAX_NAMED_CREDENTIALS} credentials, or none."})
    token_id = token_id or uuid.uuid4()
    if ServiceToken.objects.filter(pk=token_id).exists():
        raise AlreadyCreated
    plaintext = service_tokens.mint()
    token = ServiceToken(
        id=token_id,
        organization=organization,
        name=valid_name(name),
        prefix=service_tokens.prefix(plaintext),
        digest=service_tokens.digest(plaintext),
        scopes=granted,
        credential_ids=named,
        expires_at=expires_at,
        created_by=by.user if isinstance(by, Access) else None,
    )
    token.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError:
        raise AlreadyCreated from None
    details = {"expires_at": expires_at.isoformat(), "scopes": granted, "credentials": named}
    _tell(actor, token, "service_token.created", details)
    return token, plaintext


@transaction.atomic
def revoke_service_token(by: By, token: ServiceToken) -> bool:
    """Make a token useless from its next call on. False when it was revoked before."""
    actor = authorize(by, token.organization, Action.MANAGE_SERVICE_TOKENS)
    if not ServiceToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        return False
    _tell(actor, token, "service_token.revoked", {})
    return True


def _tell(actor: Actor, token: ServiceToken, action: str, details: dict[str, Any]) -> None:
    audit.record(
        token.organization,
        actor,
        action,
        object_type="service_token",
        object_id=str(token.pk),
        object_label=str(token),
        details=details,
    )


def authenticate_service_token(plaintext: str) -> ServiceToken | None:
    """The living token that this text is, with organization and account; None otherwise.

    One query, and none at all for what is no token by its form. The time of use is kept to the minute.
    """
    if not service_tokens.well_formed(plaintext):
        return None
    now = timezone.now()
    token = (
        ServiceToken.objects.select_related("organization__account")
        .filter(digest=service_tokens.digest(plaintext), revoked_at=None, expires_at__gt=now)
        .first()
    )
    if token is not None and is_stale(token.last_used_at, now):
        note_use_of_service_tokens([token.pk])
        token.last_used_at = now
    return token


def is_stale(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether a time of use is so old that this use is to be written down as well."""
    return last_used_at is None or last_used_at <= now - LAST_USED_PRECISION


def note_use_of_service_tokens(ids: Sequence[uuid.UUID]) -> None:
    """They are used now. A row that somebody has locked is left for its next use: nobody waits for this."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USED_PRECISION)
    free = ServiceToken.objects.select_for_update(skip_locked=True).filter(stale, pk__in=ids).values("pk")
    with transaction.atomic():
        ServiceToken.objects.filter(pk__in=free).update(last_used_at=now)
