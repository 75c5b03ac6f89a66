"""Add a credential."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services import explain
from credentials.services.records import record
from credentials.types.registry import room
from organizations.access import Access
from organizations.policies import Action


class NameTaken(Exception):
    """Another credential of the organization has this name."""


def add(access: Access, *, credential_id: UUID, name: str, kind: str, entered: Mapping[str, Any]) -> Credential:
    """Create the credential from the cleaned values of all steps.

    The id is the draft's, so that a form that is sent twice makes one row: the second call returns the first one's.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    if existing := Credential.objects.filter(pk=credential_id, organization=access.organization).first():
        return existing
    authentication = room(kind)
    payload, secrets = authentication.split(entered)
    code = "not_authorized" if authentication.waits_for_authorization else ""
    credential = Credential(
        id=credential_id,
        organization=access.organization,
        account=access.organization.account,
        name=name,
        kind=kind,
        payload=payload,
        status=Status.NEEDS_AUTHORIZATION if authentication.waits_for_authorization else Status.ACTIVE,
        status_code=code,
        status_reason=explain.reason(code) if code else "",
        expires_at=authentication.ends_at(payload),
        created_by=access.user,
        updated_by=access.user,
    )
    credential.seal("secrets", secrets)
    try:
        with transaction.atomic():
            credential.save(force_insert=True)
            record(credential, access.actor, "credential.created", type=authentication.label)
    except IntegrityError:
        if existing := Credential.objects.filter(pk=credential_id, organization=access.organization).first():
            return existing
        raise NameTaken from None
    return credential


def name_is_taken(access: Access, name: str) -> bool:
    """Whether another credential of the organization has this name, whatever the case of its letters."""
    return Credential.objects.filter(organization=access.organization, name__iexact=name).exists()
