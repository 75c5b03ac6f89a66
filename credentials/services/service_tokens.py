"""Service tokens that may be restricted to named credentials."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from credentials.models import Credential
from organizations import issuing
from organizations.access import Access, authorize
from organizations.audit import Actor
from organizations.models import Organization, ServiceToken
from organizations.policies import Action
from organizations.scopes import Scope

By = Access | Actor


@transaction.atomic
def create(
    by: By,
    organization: Organization,
    name: str,
    expires_at: datetime,
    *,
    scopes: Iterable[Scope] = Scope,
    names: Iterable[str] = (),
    token_id: uuid.UUID | None = None,
) -> tuple[ServiceToken, str]:
    """As `issuing.create_service_token`, for the credentials of these names only; for every one where none is named.

    Raises `ValidationError` at `credentials` for a name that the organization does not have.
    """
    authorize(by, organization, Action.MANAGE_SERVICE_TOKENS)  # before it is told which names there are
    wanted = {name.strip().lower(): name.strip() for name in names if name.strip()}
    ids = None
    if wanted:
        if len(wanted) > issuing.MAX_NAMED_CREDENTIALS:
            raise ValidationError({"credentials": f"Name at most {issuing.MAX_NAMED_CREDENTIALS} credentials."})
        found = credentials_of(organization).annotate(lowered=Lower("name")).filter(lowered__in=wanted)
        by_name = {credential.name.lower(): credential.pk for credential in found}
        if unknown := [name for lowered, name in wanted.items() if lowered not in by_name]:
            raise ValidationError({"credentials": f"There is no credential of this name: {unknown[0][:255]}"})
        ids = list(by_name.values())
    return issuing.create_service_token(
        by, organization, name, expires_at, scopes=scopes, credential_ids=ids, token_id=token_id
    )


def credentials_of(organization: Organization) -> QuerySet[Credential]:
    return Credential.objects.filter(organization=organization).order_by("name")
