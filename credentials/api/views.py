"""The calls. Each finds the row in the service token's organization, calls a service, and answers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Query
from ninja.openapi.schema import OpenAPISchema

from credentials.api import document, errors
from credentials.api.authentication import ServiceTokenAuthentication
from credentials.api.caller import (
    ABOUT_A_ROW,
    answers,
    caller,
    credentials_of,
    find_credential,
    presented,
    require_reach,
)
from credentials.api.consumer_views import router
from credentials.api.schemas import (
    CallAnswer,
    CallRequest,
    CredentialAnswer,
    CredentialList,
    EngineAnswer,
    Request,
    TokenAnswer,
    TokenRequest,
)
from credentials.models import Credential, Domain
from credentials.runtime import NOBODY, OnBehalf
from credentials.services.call import call
from credentials.services.describe import reason_of
from credentials.services.domains import hand_out_access
from credentials.services.presented import present_credential, present_integration
from credentials.services.use import hand_out_token
from organizations.audit import Actor
from organizations.scopes import Scope


class Api(NinjaAPI):
    """Every exception is answered in one place."""

    def on_exception(self, request: HttpRequest, exc: Exception | type[Exception]) -> HttpResponse:
        return errors.respond(request, exc if isinstance(exc, Exception) else exc())

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        described = document.Described(self, path_prefix or self.get_root_path(path_params or {}))
        document.complete(described)
        return described


api = Api(
    title="Bot Accounts",
    version="1",
    description=document.DESCRIPTION,
    servers=[{"url": settings.PUBLIC_URL, "description": "This installation."}],
    docs_url=None,
    urls_namespace="api",
)


_encode = DjangoJSONEncoder().encode
_MAY_READ_TOKENS = ServiceTokenAuthentication(Scope.TOKENS_READ, present=present_credential)


def on_behalf(body: Request | None) -> OnBehalf:
    return OnBehalf(body.consumer, body.conversation) if body else NOBODY


def shown(credential: Credential) -> Mapping[str, Any]:
    return {
        "id": credential.pk,
        "name": credential.name,
        "type": credential.kind,
        "status": credential.stands[0],
        "reason": reason_of(credential),
        "expires_at": credential.expires_at,
        "last_used_at": credential.last_used_at,
        "created_at": credential.created_at,
        "updated_at": credential.updated_at,
    }


@api.get(
    "credentials",
    auth=ServiceTokenAuthentication(Scope.CREDENTIALS_READ),
    response=answers(CredentialList),
    operation_id="list_credentials",
    tags=["credentials"],
)
def list_credentials(
    request: HttpRequest,
    after: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Mapping[str, Any]:
    """The organization's credentials and how they stand, by name."""
    found = credentials_of(request)
    if after is not None:
        last = found.filter(pk=after).values_list("name", flat=True).first()
        if last is None:
            raise errors.Refusal(422, "invalid_request", "after: there is no such credential any more.")
        # The first condition lets the index begin there; the other alone would walk it from its first row on.
        found = found.filter(Q(name__gt=last) | Q(pk__gt=after), name__gte=last)
    rows = list(found.order_by("name", "pk")[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    return {"credentials": [shown(row) for row in rows], "next": rows[-1].pk if more else None}


@api.get(
    "credentials/{uuid:credential_id}",
    auth=ServiceTokenAuthentication(Scope.CREDENTIALS_READ),
    response=answers(CredentialAnswer, HTTPStatus.NOT_FOUND),
    operation_id="get_credential",
    tags=["credentials"],
)
def get_credential(request: HttpRequest, credential_id: UUID) -> Mapping[str, Any]:
    """How one credential stands."""
    return shown(find_credential(request, credential_id))


@api.post(
    "credentials/{uuid:credential_id}/token",
    auth=_MAY_READ_TOKENS,
    response=answers(TokenAnswer, *ABOUT_A_ROW),
    operation_id="get_token",
    tags=["credentials"],
)
def token(request: HttpRequest, credential_id: UUID, body: TokenRequest | None = None) -> HttpResponse:
    """A token that a resource accepts now, renewed first if need be.

    409 `needs_authorization`: only a person can help. 409 `consumer_not_authenticated`: only the consumer can.
    422 `no_token`: the type has none.
    503 `temporarily_unavailable`: ask again after `Retry-After` seconds.
    """
    found = presented(request)
    require_reach(request, credential_id)
    if found.credential is None:
        raise Http404
    actor = Actor.for_service_token(found.service_token)
    handed_out = hand_out_token(found.credential, actor=actor, on_behalf=on_behalf(body), presented=found)
    # Not through the schema: this answer is asked for most.
    answer = {
        "access_token": handed_out.token.access_token,
        "token_type": handed_out.token.token_type,
        "expires_at": handed_out.expires_at,
        "scope": handed_out.token.scope,
    }
    return HttpResponse(_encode(answer), content_type="application/json")


def token_without_body(request: HttpRequest, credential_id: UUID) -> HttpResponse:
    """The same call where it says nothing beside its address, as most do: there is nothing to parse and to validate."""
    try:
        request.auth = _MAY_READ_TOKENS(request)  # type: ignore[attr-defined]
        return token(request, credential_id)
    except Exception as error:  # noqa: BLE001 - answered as the library answers those of the other calls
        return api.on_exception(request, error)


@api.post(
    "integrations/{uuid:integration_id}/call",
    auth=ServiceTokenAuthentication(Scope.INTEGRATIONS_CALL, present=present_integration),
    response=answers(CallAnswer, *ABOUT_A_ROW),
    operation_id="call_integration",
    tags=["integrations"],
)
def call_integration(request: HttpRequest, integration_id: UUID, body: CallRequest | None = None) -> Mapping[str, Any]:
    """Call an API integration with its credential attached: 20 seconds in all, up to 3 retries inside that time.

    Whatever the resource answers is a 200 here; `success` says whether it was 200 or 201 there.
    422 `missing_variable`, `invalid_variable`: nothing was sent.
    """
    found = presented(request)
    if found.integration is None:
        raise Http404
    require_reach(request, found.integration.credential_id)
    variables = body.variables if body else {}
    actor = Actor.for_service_token(found.service_token)
    result = call(found.integration, variables, actor=actor, on_behalf=on_behalf(body), presented=found)
    return {
        "success": result.success,
        "status": result.status,
        "headers": result.headers,
        "body": result.body,
        "attempts": result.attempts,
        "error": result.error or None,
    }


@api.post(
    "domains/{uuid:domain_id}/credentials",
    auth=ServiceTokenAuthentication(Scope.DOMAINS_TRAIN),
    response=answers(EngineAnswer, *ABOUT_A_ROW),
    operation_id="get_domain_credentials",
    tags=["domains"],
)
def domain_credentials(request: HttpRequest, domain_id: UUID) -> Mapping[str, Any]:
    """What the domain's NLU engine is trained with: a token that lives, and the endpoint. Never the stored credentials.

    409 `needs_authorization`: only a person can help. 422 `no_credential`: the domain has none.
    503 `temporarily_unavailable`: ask again after `Retry-After` seconds.
    """
    domain = (
        Domain.objects.select_related("organization", "credential__organization")
        .filter(pk=domain_id, organization_id=caller(request).organization_id)
        .first()
    )
    if domain is None:
        raise Http404
    require_reach(request, domain.credential_id)
    handed_out = hand_out_access(domain, actor=Actor.for_service_token(caller(request)))
    engine = handed_out.access
    return {
        "provider": engine.provider,
        "access_token": engine.token.access_token,
        "token_type": engine.token.token_type,
        "expires_at": handed_out.expires_at,
        "endpoint": engine.endpoint,
        "project_id": engine.project_id,
        "location": engine.location,
    }


api.add_router("", router)
