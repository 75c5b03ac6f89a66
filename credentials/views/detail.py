"""The page of one credential: how it stands, what it is, what uses it, what happened to it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from credentials.models import Credential
from credentials.services import explain
from credentials.services.delete import domain_usages, usages
from credentials.services.records import VIEWED, tell_view
from credentials.views.find import find_credential
from credentials.views.granted import refresh_test_url
from credentials.views.presentation import (
    missing_identity_provider,
    present,
    problem_of,
    provider_down,
    question_about,
    redirect_uri_of,
)
from organizations.access import Access, in_organization
from organizations.models import AuditEntry
from organizations.policies import Action

SHOWN = 20
WORDS = {
    "credential.created": "Added",
    "credential.edited": "Edited",
    "credential.expired": "Access ended",
    "credential.used": "Used for an API integration",
    "credential.attached": "Attached to an API integration",
    "credential.detached": "Taken from an API integration",
    "credential.attached_to_domain": "Attached to a domain",
    "credential.detached_from_domain": "Taken from a domain",
    "authorization.started": "Authorization started",
    "authorization.received": "Consent given at the resource",
    "authorization.failed": "Authorization failed",
    "authorization.another_account": "Another account than before was authorized",
    "authorization.account_accepted": "The new account was accepted",
    "token.obtained": "Access token obtained",
    "token.refreshed": "Access token renewed",
    "token.refresh_failed": "Renewing the access token failed",
    "challenge.created": "A bot asked for a consumer to be authenticated",
    "challenge.started": "A consumer went to sign in",
    "challenge.succeeded": "A consumer was authenticated",
    "challenge.failed": "Authenticating a consumer failed",
    "token.served": "Access token handed to a bot",
}


@dataclass(frozen=True)
class Usage:
    """What uses a credential: an integration of `bot`, or a domain, which has none."""

    name: str
    bot: str
    url: str


@dataclass(frozen=True)
class Event:
    when: datetime
    who: str
    what: str
    why: str
    outcome: str


@never_cache
@require_safe
@in_organization(Action.SEE_CREDENTIALS)
def detail(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponse:
    credential = find_credential(access, credential_id)
    used_by = usage_list(access, credential)
    view = present(access, credential, used_by=len(used_by), with_facts=True)
    context = {
        "access": access,
        "credential": view,
        "problem": question_about(credential)
        or provider_down(access, credential)
        or problem_of(credential, view)
        or missing_identity_provider(access, credential),
        **redirect_uri_of(credential),
        "usages": used_by,
        "activity": [event(entry) for entry in history(credential)],
        "can_manage": view.can_manage,
        "list_url": reverse("credentials:list", args=[access.organization.pk]),
        "edit_url": view.edit_url,
        "delete_url": view.delete_url,
        "authorize_url": view.authorize_url,
        "refresh_url": refresh_test_url(credential),
    }
    tell_view(credential, access.actor)
    return render(request, "credentials/detail.html", context)


def usage_list(access: Access, credential: Credential) -> list[Usage]:
    organization_id = access.organization.pk
    return [
        *(
            Usage(used.name, used.bot.name, reverse("credentials:integration", args=[organization_id, used.pk]))
            for used in usages(credential)
        ),
        *(
            Usage(used.name, "", reverse("credentials:domain", args=[organization_id, used.pk]))
            for used in domain_usages(credential)
        ),
    ]


def history(credential: Credential) -> list[AuditEntry]:
    """The latest entries of the audit log about it. Who looked at it is in the organization's activity."""
    entries = AuditEntry.objects.filter(
        chain_id=credential.organization_id, object_type="credential", object_id=str(credential.pk)
    ).exclude(action=VIEWED)
    return list(entries.order_by("-position")[:SHOWN])


def event(entry: AuditEntry) -> Event:
    error = entry.details.get("error", "") if isinstance(entry.details, dict) else ""
    return Event(
        when=entry.at,
        who=entry.actor_label,
        what=WORDS.get(entry.action, entry.action),
        why=explain.explanation(error).happened if error else "",
        outcome=entry.outcome,
    )
