"""Who calls, and what of theirs the calls find: nothing of another organization."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja.errors import AuthenticationError

from credentials.api.schemas import ErrorAnswer
from credentials.models import Credential
from credentials.services.presented import Presented
from organizations import group_commit
from organizations.audit import Actor, NewEntry
from organizations.models import ServiceToken

ABOUT_A_ROW = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)


def answers(schema: Any, *refusals: int) -> dict[int, Any]:
    """The statuses of a call, for OpenAPI."""
    always = (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
    )
    return {HTTPStatus.OK: schema} | dict.fromkeys((*always, *refusals), ErrorAnswer)


def presented(request: HttpRequest) -> Presented:
    """What a call about one row found, read at once. Raises `AuthenticationError` where nobody is behind it."""
    found: Presented | None = request.auth  # type: ignore[attr-defined]
    if found is None:
        raise AuthenticationError
    return found


def caller(request: HttpRequest) -> ServiceToken:
    found: ServiceToken | Presented = request.auth  # type: ignore[attr-defined]
    return found.service_token if isinstance(found, Presented) else found


def credentials_of(request: HttpRequest) -> QuerySet[Credential]:
    """Those of the caller's organization that its token may be used with."""
    found = Credential.objects.filter(organization_id=caller(request).organization_id)
    named = caller(request).credential_ids
    return found if named is None else found.filter(pk__in=named)


def find_credential(request: HttpRequest, credential_id: UUID) -> Credential:
    require_reach(request, credential_id)
    credential = credentials_of(request).select_related("organization").filter(pk=credential_id).first()
    if credential is None:
        raise Http404
    return credential


def require_reach(request: HttpRequest, credential_id: UUID | None) -> None:
    """Raises `Http404`, and tells the log, where the token is restricted to other credentials."""
    shown = caller(request)
    if shown.reaches(credential_id):
        return
    actor = Actor.for_service_token(shown)
    entry = NewEntry(actor, "access.denied", "credential", str(credential_id), outcome="denied")
    group_commit.append(shown.organization_id, [entry])
    raise Http404
