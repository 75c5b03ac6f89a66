"""Authorize a credential: start, callback, progress."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from credentials.browser import NONCE_COOKIE, begin_authorization, nonce_of
from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.services import authorize as service
from credentials.services import explain
from credentials.types.base import Fact
from credentials.types.registry import UnknownType
from credentials.views.find import find_credential
from credentials.views.presentation import present
from organizations.access import Access, in_organization, organizations_of
from organizations.pages import SeeOther
from organizations.policies import Action


@require_POST
@in_organization(Action.MANAGE_CREDENTIALS)
def authorize(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponseBase:
    """Start an authorization. POST only: a link or an image on another site cannot start one."""
    credential = find_credential(access, credential_id)
    try:
        return begin_authorization(request, access, credential)
    except (service.NotAuthorizable, UnknownType):
        raise Http404("A credential of this type is not authorized at a resource.") from None


@never_cache
@require_GET
def callback(request: HttpRequest, credential_id: UUID) -> HttpResponseBase:
    """Where the resource sends the person back to (RFC 6749 §4.1.2). Answers 303 to a page with a clean address.

    Nobody is sent to sign in first: the code would come along in that page's address.
    """
    if not request.user.is_authenticated:
        return refused(request, "You are not signed in in this browser.", credential_id)
    try:
        authorization = service.take_callback(request.user, credential_id, request.GET.dict(), nonce=nonce_of(request))
    except service.CallbackRefused as refusal:
        return refused(request, str(refusal), credential_id)
    except PermissionDenied:
        return refused(request, "Your role does not include this any more.", credential_id, status=403)
    except Http404:
        return refused(request, "You do not belong to this organization any more.", credential_id, status=404)
    response = SeeOther(
        reverse("credentials:authorization", args=[authorization.organization_id, credential_id, authorization.pk])
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


def refused(request: HttpRequest, why: str, credential_id: UUID, *, status: int = 400) -> HttpResponse:
    """A page, not a redirect. The code in the address is of no use to anybody: the page must not pass it on."""
    credential = Credential.objects.filter(pk=credential_id, organization__in=organizations_of(request.user)).first()
    detail_url = reverse("credentials:detail", args=[credential.organization_id, credential.pk]) if credential else ""
    response = render(
        request, "credentials/callback_refused.html", {"why": why, "detail_url": detail_url}, status=status
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_GET
@in_organization(Action.SEE_CREDENTIALS)
def progress(request: HttpRequest, access: Access, credential_id: UUID, authorization_id: UUID) -> HttpResponseBase:
    """How one authorization stands. It asks for itself again until it is over."""
    credential = find_credential(access, credential_id)
    authorization = Authorization.objects.filter(pk=authorization_id, credential=credential).first()
    if authorization is None:
        raise Http404("There is no such authorization.")
    view = present(access, credential)
    context = {
        "access": access,
        "credential": view,
        "authorization": story(authorization, credential),
        "retry_url": view.authorize_url if view.can_manage else "",
        "edit_url": view.edit_url if view.can_manage else "",
        "detail_url": view.detail_url,
    }
    response = render(request, "credentials/authorization.html", context)
    if authorization.is_over and NONCE_COOKIE in request.COOKIES and not has_open(access):
        response.delete_cookie(NONCE_COOKIE, path="/", samesite="Lax")
    return response


def has_open(access: Access) -> bool:
    """Whether the person has another authorization under way, in another tab."""
    return Authorization.objects.filter(user=access.user, status=AuthorizationStatus.STARTED).exists()


def story(authorization: Authorization, credential: Credential) -> dict[str, object]:
    """What the progress page tells."""
    if authorization.status == AuthorizationStatus.SUCCEEDED:
        return {"state": "succeeded", "title": "Authorized", "facts": what_was_granted(credential)}
    if authorization.status == AuthorizationStatus.FAILED:
        explained = explain.explanation(authorization.error)
        happened = explain.reason(authorization.error, authorization.error_description)
        return {
            "state": "failed",
            "title": explained.title,
            "message": f"{happened[:1].upper()}{happened[1:]}.",
            "what_to_do": explained.by_hand or explained.remedy,
            "still_works": credential.status == Status.ACTIVE,
        }
    if authorization.status == AuthorizationStatus.STARTED:
        return {"state": "working", "title": "Waiting for the resource", "message": "Finish signing in there."}
    return {"state": "working", "title": "Authorizing", "message": "The access token is being fetched."}


def what_was_granted(credential: Credential) -> list[Fact]:
    """Scope, end and renewal, said right after the exchange, while the person can still do something about it."""
    token = getattr(credential, "token", None)
    if token is None or not token.access_token:
        return []
    renews = (
        "It renews itself." if token.refresh_at else "The resource issued no refresh token: it does not renew itself."
    )
    facts = [Fact("Scope granted", token.scope or "not said by the resource"), Fact("Renewal", renews)]
    if credential.expires_at:
        facts.append(Fact("Access ends", f"{credential.expires_at:%Y-%m-%d %H:%M:%S} UTC"))
    return facts
