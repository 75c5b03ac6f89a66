"""Who calls, and what of theirs the calls find: nothing of another organization."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from credentials.api.schemas import ErrorAnswer
from credentials.models import Credential
from organizations.models import ServiceToken

ABOUT_A_ROW = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)


def answers(schema: Any, *refusals: int) -> dict[int, Any]:
    """The statuses of a call, for OpenAPI."""
    always = (HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY)
    return {HTTPStatus.OK: schema} | dict.fromkeys((*always, *refusals), ErrorAnswer)


def caller(request: HttpRequest) -> ServiceToken:
    token: ServiceToken = request.auth  # type: ignore[attr-defined]
    return token


def credentials_of(request: HttpRequest) -> QuerySet[Credential]:
    return Credential.objects.filter(organization_id=caller(request).organization_id)


def find_credential(request: HttpRequest, credential_id: UUID) -> Credential:
    credential = credentials_of(request).select_related("organization").filter(pk=credential_id).first()
    if credential is None:
        raise Http404
    return credential
