"""Add a credential."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services import endings, explain
from credentials.services.records import record
from credentials.types.registry import room
from organizations.access import Access, organizations_of
from organizations.policies import Action


class NameTaken(Exception):
    """Another credential of the organization has this name."""


class AlreadyInAccount(Exception):
    """An account has at most one credential of this type, and this one has it. The message says so."""


def add(access: Access, *, credential_id: UUID, name: str, kind: str, entered: Mapping[str, Any]) -> Credential:
    """Create the credential from the cleaned values of all steps.

    The id is the draft's, so that a form that is sent twice makes one row: the second call returns the first one's.
    Raises `NameTaken` and `AlreadyInAccount`; in the end the database decides.
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
            endings.keep(credential)
            record(credential, access.actor, "credential.created", type=authentication.label)
    except IntegrityError:
        if existing := Credential.objects.filter(pk=credential_id, organization=access.organization).first():
            return existing
        if said := taken_in_account(access, kind):
            raise AlreadyInAccount(said) from None
        raise NameTaken from None
    return credential


def name_is_taken(access: Access, name: str) -> bool:
    """Whether another credential of the organization has this name, whatever the case of its letters."""
    return Credential.objects.filter(organization=access.organization, name__iexact=name).exists()


def taken_in_account(access: Access, kind: str) -> str:
    """Why the account can have no other credential of this type: one sentence; "" where it can.

    Where the first one is, only somebody hears who belongs there.
    """
    authentication = room(kind)
    if not authentication.one_per_account:
        return ""
    first = (
        Credential.objects.select_related("organization").filter(account=access.organization.account, kind=kind).first()
    )
    if first is None:
        return ""
    belongs = organizations_of(access.user).filter(pk=first.organization_id).exists()
    where = f"“{first.name}” in the organization {first.organization}" if belongs else "in another organization"
    return f"An account can have one {authentication.label} credential only, and this one has it already: {where}."
