"""What a consumer sees: the page behind the bot's link, the way back from the identity provider, and how it went.

Nobody signs in here, and nobody is told anything about an organization but its name and the credential's purpose.
"""

import secrets
from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from credentials.crypto.envelope import Unsealable
from credentials.models import ConsumerChallenge
from credentials.models.challenge import ChallengeStatus
from credentials.services import challenges as service
from credentials.services.challenges import LinkRefused
from credentials.services.identity_provider import find as find_provider
from organizations.pages import SeeOther

NONCE_COOKIE = "__Host-consumer" if settings.SERVED_OVER_TLS else "consumer"
NONCE_SECONDS = 60 * 60
Response = TypeVar("Response", bound=HttpResponseBase)
BACK_TO_CHAT = "You can go back to the chat."


def nonce_of(request: HttpRequest) -> str:
    return request.COOKIES.get(NONCE_COOKIE, "")[:128]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, handle: str) -> HttpResponseBase:
    """Who asks for what. Only the button uses the link up: a chat's preview of it, which is a GET, does not."""
    try:
        if request.method == "POST":
            return begin(request, handle)
        challenge = service.find(handle)
    except LinkRefused as refusal:
        return refused(request, str(refusal))
    provider = find_provider(challenge.credential.organization.account)
    context = {
        "asks": challenge.credential.organization.account.name,
        "at": provider.display_name if provider else "",
    }
    response = render(request, "credentials/consumer/link.html", context)
    # Not `no-referrer`: a browser then sends its form with the origin "null", which is nobody's.
    response["Referrer-Policy"] = "same-origin"
    return response


def begin(request: HttpRequest, handle: str) -> HttpResponseBase:
    nonce = nonce_of(request) or secrets.token_urlsafe(32)
    response = SeeOther(service.start(handle, nonce=nonce))
    # Lax: it has to come along when the identity provider sends the consumer back.
    response.set_cookie(
        NONCE_COOKIE,
        nonce,
        max_age=NONCE_SECONDS,
        secure=settings.SERVED_OVER_TLS,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return quiet(response)


@never_cache
@require_GET
def callback(request: HttpRequest, number: str) -> HttpResponseBase:
    """Where the identity provider sends the consumer back to. Answers 303 to a page with a clean address."""
    try:
        challenge = service.take_callback(number, request.GET.dict(), nonce=nonce_of(request))
    except LinkRefused as refusal:
        return refused(request, str(refusal))
    return quiet(SeeOther(reverse("credentials:consumer-result", args=[challenge.pk])))


@never_cache
@require_safe
def result(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    """How it went, for the browser that started it. It asks for itself again until it is over."""
    challenge = service.of_browser(challenge_id, nonce_of(request))
    if challenge is None:
        return refused(request, "There is nothing to see here in this browser.", status=404)
    return quiet(render(request, "credentials/consumer/result.html", {"story": story(challenge)}))


def story(challenge: ConsumerChallenge) -> Mapping[str, str]:
    """What the page tells."""
    match challenge.status:
        case ChallengeStatus.SUCCEEDED:
            return {"state": "succeeded", "title": "You are signed in", "message": BACK_TO_CHAT}
        case ChallengeStatus.UNCONFIRMED:
            return unconfirmed(challenge)
        case ChallengeStatus.FAILED:
            return {
                "state": "failed",
                "title": "Signing in did not work",
                "message": f"{BACK_TO_CHAT} Ask there for a new link to try again.",
            }
    return {"state": "working", "title": "Signing you in", "message": "This takes a moment."}


def unconfirmed(challenge: ConsumerChallenge) -> Mapping[str, str]:
    try:
        code = str(challenge.unseal("confirmation") or "")
    except Unsealable:
        code = ""
    return {
        "state": "confirm",
        "title": "One last step",
        "message": f"{BACK_TO_CHAT} Type this code there:",
        "code": code,
        "warning": "Only type it into the chat that sent you the link. Nobody will ask you for it on the phone.",
    }


def refused(request: HttpRequest, why: str, *, status: int = 400) -> HttpResponse:
    context = {"why": why, "what_to_do": f"{BACK_TO_CHAT} Ask there for a new link."}
    return quiet(render(request, "credentials/consumer/refused.html", context, status=status))


def quiet(response: Response) -> Response:
    """The address holds the handle or the code: it goes along to nobody."""
    response["Referrer-Policy"] = "no-referrer"
    return response
