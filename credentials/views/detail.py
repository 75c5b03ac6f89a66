"""The page of one credential: how it stands, what it is, what uses it, what happened to it."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from credentials.models import Credential
from credentials.services.delete import domain_usages, usages
from credentials.services.records import tell_view
from credentials.views.find import find_credential
from credentials.views.granted import refresh_test_url
from credentials.views.history import activity_of
from credentials.views.presentation import (
    asks_again,
    missing_identity_provider,
    present,
    problem_of,
    provider_down,
    question_about,
    redirect_uri_of,
)
from organizations.access import Access, in_organization
from organizations.policies import Action


@dataclass(frozen=True)
class Usage:
    """What uses a credential: an integration of `bot`, or a domain, which has none."""

    name: str
    bot: str
    url: str


@never_cache
@require_safe
@in_organization(Action.SEE_CREDENTIALS)
def detail(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponse:
    credential = find_credential(access, credential_id)
    used_by = usage_list(access, credential)
    is_shown = not asks_again(request, "activity")
    view = present(access, credential, used_by=len(used_by), with_facts=is_shown)
    context = {
        "access": access,
        "credential": view,
        "problem": question_about(credential)
        or provider_down(access, credential)
        or problem_of(credential, view)
        or missing_identity_provider(access, credential),
        **redirect_uri_of(credential),
        "usages": used_by,
        **activity_of(request, credential),
        "can_manage": view.can_manage,
        "list_url": reverse("credentials:list", args=[access.organization.pk]),
        "edit_url": view.edit_url,
        "delete_url": view.delete_url,
        "authorize_url": view.authorize_url,
        "refresh_url": refresh_test_url(credential),
    }
    if is_shown:
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
