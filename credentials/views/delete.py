"""Delete a credential: the confirmation that says what uses it, and *Continue*."""

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.services.delete import InUse, delete
from credentials.views.detail import usage_list
from credentials.views.find import find_credential
from credentials.views.presentation import present
from organizations.access import Access, in_organization
from organizations.pages import done
from organizations.policies import Action


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_organization(Action.MANAGE_CREDENTIALS)
def delete_page(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponseBase:
    credential = find_credential(access, credential_id)
    name, list_url = credential.name, reverse("credentials:list", args=[access.organization.pk])
    if request.method == "POST":
        try:
            outcome = delete(access, credential)
        except InUse:
            pass  # the page says by what
        else:
            return done(request, f"The credential “{name}” was deleted. {outcome.value}".strip(), list_url)
    view = present(access, credential)
    context = {
        "access": access,
        "credential": view,
        "usages": usage_list(access, credential),
        "post_url": view.delete_url,
        "cancel_url": view.detail_url,
    }
    return render(request, "credentials/delete.html", context)
