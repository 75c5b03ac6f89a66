"""Proving an authorization: is it the right account, and does renewing work?"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from credentials.models import Authorization, Credential
from credentials.services import account
from credentials.services.activation import Deactivated
from credentials.services.prove import Tested, test_refresh
from credentials.services.refresh import Outcome
from credentials.views.find import find_credential
from organizations.access import Access, in_organization
from organizations.pages import SeeOther
from organizations.policies import Action

ANSWERED = "There was nothing to decide any more: see how the credential stands."


@never_cache
@require_POST
@in_organization(Action.MANAGE_CREDENTIALS)
def decide(request: HttpRequest, access: Access, credential_id: UUID, authorization_id: UUID) -> HttpResponseBase:
    """*Use this account* or *Keep the former one*."""
    authorization = find_authorization(access, credential_id, authorization_id)
    choice = request.POST.get("choice")
    if choice not in ("use", "keep"):
        return HttpResponseBadRequest("Say which account is right.", content_type="text/plain")
    try:
        if choice == "use":
            account.use(access, authorization)
            messages.success(request, "The credential acts for the new account from now on.")
        else:
            revocation = account.keep_former(access, authorization)
            messages.success(request, f"The former account was kept. {revocation.of_a_grant}".strip())
    except account.Answered:
        messages.info(request, ANSWERED)
    return SeeOther(progress_url(authorization))


@never_cache
@require_POST
@in_organization(Action.MANAGE_CREDENTIALS)
def try_refresh(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponseBase:
    """*Test a refresh now*. Back on the page that it was asked for from, which says how it went."""
    credential = find_credential(access, credential_id)
    try:
        say(request, test_refresh(access, credential))
    except Deactivated as refusal:
        messages.error(request, str(refusal))
    return SeeOther(where_from(request, access, credential))


def where_from(request: HttpRequest, access: Access, credential: Credential) -> str:
    """The page of the authorization that is named, or that of the credential."""
    try:
        authorization = find_authorization(access, credential.pk, UUID(request.POST.get("authorization", "")))
    except (ValueError, Http404):
        return reverse("credentials:detail", args=[credential.organization_id, credential.pk])
    return progress_url(authorization)


def find_authorization(access: Access, credential_id: UUID, authorization_id: UUID) -> Authorization:
    rows = Authorization.objects.select_related("credential__organization", "user")
    found = rows.filter(pk=authorization_id, credential=find_credential(access, credential_id)).first()
    if found is None:
        raise Http404("There is no such authorization.")
    return found


def progress_url(authorization: Authorization) -> str:
    where = [authorization.organization_id, authorization.credential_id, authorization.pk]
    return reverse("credentials:authorization", args=where)


def say(request: HttpRequest, tested: Tested) -> None:
    why = f"{tested.reason}." if tested.reason else ""
    match tested.outcome:
        case Outcome.RENEWED:
            ends = f", which ends at {tested.expires_at:%Y-%m-%d %H:%M:%S} UTC" if tested.expires_at else ""
            rotated = " It replaced the refresh token as well." if tested.rotated else ""
            messages.success(request, f"The refresh passed: the resource gave a new access token{ends}.{rotated}")
        case Outcome.WAIT:
            messages.error(request, f"The refresh failed: {why} It is tried again by itself.")
        case Outcome.ENDED:
            messages.error(request, f"The refresh failed, and is not tried again: {why}")
        case Outcome.BUSY:
            messages.info(request, "The token is being renewed at this moment. Look again in a few seconds.")
        case Outcome.NOT_DUE:
            messages.info(request, "There is no token to renew yet.")
