"""Create, edit and delete a domain, and hand out what its NLU engine is trained with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from credentials import runtime
from credentials.models import Credential, Domain
from credentials.services import attach
from credentials.services.records import tell
from credentials.services.use import noting_use
from credentials.types.base import EngineAccess
from organizations import audit
from organizations.access import Access, authorize
from organizations.audit import Actor, NewEntry
from organizations.models import Organization
from organizations.policies import Action

By = Access | Actor


class NoCredential(Exception):
    """The domain has no credential for an NLU engine."""


@dataclass(frozen=True)
class HandedOut:
    """Access to an engine, and until when it is good (None where nobody can say that it ends)."""

    access: EngineAccess
    expires_at: datetime | None


def create(by: By, organization: Organization, *, name: str, credential: Credential | None) -> Domain:
    """A new domain. Raises `ValidationError` with the message at its field."""
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    domain = Domain(organization=organization, **_fields(organization, name, credential))
    with transaction.atomic():
        _save(domain, force_insert=True)
        entries = [_about(actor, "domain.created", domain)]
        audit.record_many(organization, entries + _moves(actor, domain, None, credential))
    return domain


def edit(by: By, domain: Domain, *, name: str, credential: Credential | None) -> Domain:
    """Save what a person changed. Raises `ValidationError` with the message at its field."""
    organization = domain.organization
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    fields = _fields(organization, name, credential)
    with transaction.atomic():
        stored = (
            Domain.objects.select_for_update(of=("self",))
            .select_related("credential", "organization")
            .get(pk=domain.pk, organization=organization)
        )
        before, was_attached = {name: getattr(stored, name) for name in fields}, stored.credential
        for field, value in fields.items():
            setattr(stored, field, value)
        _save(stored)
        changed = sorted(field for field, value in before.items() if value != getattr(stored, field))
        entries = [_about(actor, "domain.edited", stored, changed=changed)]
        audit.record_many(organization, entries + _moves(actor, stored, was_attached, stored.credential))
    return stored


def delete(by: By, domain: Domain) -> None:
    """Remove it; its credential stays."""
    organization = domain.organization
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    with transaction.atomic():
        entries = [_about(actor, "domain.deleted", domain), *_moves(actor, domain, domain.credential, None)]
        domain.delete()
        audit.record_many(organization, entries)


def hand_out_access(domain: Domain, *, actor: Actor) -> HandedOut:
    """What the domain's engine is trained with, its token renewed first if need be.

    `domain` comes with its credential and that one's organization. The entry in the audit log is written before the
    token leaves. Raises `NoCredential`, `runtime.NeedsAuthorization`, `runtime.Unavailable`.
    """
    credential = domain.credential
    if credential is None:
        raise NoCredential
    ready = runtime.make_ready(credential, actor=actor)
    access = ready.room.engine_access(ready.material)
    tell(credential, actor, "token.served", along=noting_use(credential), domain=str(domain.pk), name=domain.name)
    return HandedOut(access, runtime.until_when(ready))


def _fields(organization: Organization, name: str, credential: Credential | None) -> dict[str, Any]:
    """The columns, checked."""
    errors: dict[str, str] = {}
    name = name.strip()
    if not name or len(name) > 255 or any(character in name for character in "\x00\r\n"):
        errors["name"] = "Give a name of one line and at most 255 characters."
    if refusal := attach.problem("domains", credential, organization):
        errors["credential"] = refusal
    if errors:
        raise ValidationError(errors)
    return {"name": name, "credential": credential}


def _save(domain: Domain, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            domain.save(force_insert=force_insert)
    except IntegrityError:
        raise ValidationError({"name": "The organization has a domain of this name already."}) from None


def _moves(actor: Actor, domain: Domain, before: Credential | None, after: Credential | None) -> list[NewEntry]:
    """Which credential was attached or detached, told of the credential itself."""
    if (before and before.pk) == (after and after.pk):
        return []
    details = {"domain": str(domain.pk), "name": domain.name}
    return [
        NewEntry(actor, action, "credential", str(credential.pk), credential.name, details=details)
        for action, credential in (
            ("credential.detached_from_domain", before),
            ("credential.attached_to_domain", after),
        )
        if credential is not None
    ]


def _about(actor: Actor, action: str, domain: Domain, **details: Any) -> NewEntry:
    details["credential"] = str(domain.credential_id or "")
    return NewEntry(actor, action, "domain", str(domain.pk), domain.name, details=details)
