"""The browser's side of an authorization: the nonce that binds it to one browser, and the way to the resource.

Shared by the pages and the wizard; not a front door of its own.
"""

import secrets

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from credentials.crypto.envelope import Unsealable
from credentials.models import Credential
from credentials.services import activation, authorize
from organizations.access import Access
from organizations.pages import go_to

NONCE_COOKIE = "__Host-authorizing" if settings.SERVED_OVER_TLS else "authorizing"
NONCE_SECONDS = 15 * 60


def nonce_of(request: HttpRequest) -> str:
    return request.COOKIES.get(NONCE_COOKIE, "")[:128]


def begin_authorization(request: HttpRequest, access: Access, credential: Credential) -> HttpResponse:
    """Start an authorization and send the person to the resource, or to the progress where nobody has to consent.

    Two tabs share the nonce; each has a state of its own.
    """
    nonce = nonce_of(request) or secrets.token_urlsafe(32)
    try:
        started = authorize.start(access, credential, nonce=nonce)
    except Unsealable:
        messages.error(request, "The stored secrets cannot be opened. Choose Edit and enter them again.")
        return go_to(request, reverse("credentials:detail", args=[access.organization.pk, credential.pk]))
    except activation.Deactivated as refusal:
        messages.error(request, str(refusal))
        return go_to(request, reverse("credentials:detail", args=[access.organization.pk, credential.pk]))
    except authorize.ChangedMeanwhile:
        messages.error(request, "Somebody has changed this credential meanwhile. Look at it and click Authorize again.")
        return go_to(request, reverse("credentials:detail", args=[access.organization.pk, credential.pk]))
    progress = reverse(
        "credentials:authorization", args=[access.organization.pk, credential.pk, started.authorization.pk]
    )
    response = go_to(request, started.go_to or progress)
    keep_nonce(response, nonce)
    return response


def keep_nonce(response: HttpResponse, nonce: str) -> None:
    """A cookie of this browser alone. Lax: it has to come along when the resource sends the person back."""
    response.set_cookie(
        NONCE_COOKIE,
        nonce,
        max_age=NONCE_SECONDS,
        secure=settings.SERVED_OVER_TLS,
        httponly=True,
        samesite="Lax",
        path="/",
    )
