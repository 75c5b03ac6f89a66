"""Every answer that is no success has one shape: `{"error": "snake_case", "detail": "one sentence"}`."""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja.errors import AuthenticationError, HttpError, ValidationError

from credentials.api.authentication import REALM, InsufficientScope, challenge
from credentials.api.limit import TooManyWrongTokens
from credentials.oauth.errors import OAuthFailure
from credentials.oauth.id_token import InvalidIdToken
from credentials.runtime import ConsumerNotAuthenticated, NeedsAuthorization, Unavailable
from credentials.services import explain
from credentials.services.activation import Deactivated
from credentials.services.challenges import NoChallenge, NotConfigured, WrongConfirmation
from credentials.services.consumers import WrongHandOver
from credentials.services.domains import NoCredential
from credentials.services.identity_provider import NoIdentityProvider
from credentials.services.variables import MissingVariable, UnsafeValue
from credentials.types.base import NoToken
from credentials.types.registry import UnknownType

logger = logging.getLogger(__name__)

DATABASE_RETRY_SECONDS = 5
MAX_DETAIL = 500  # characters


class Refusal(Exception):
    """A request that cannot be answered as asked."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail = status, error, detail


def answer(status: int, error: str, detail: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"error": error, "detail": detail[:MAX_DETAIL]}, status=status, headers=dict(headers or {}))


def sentence(text: str) -> str:
    """A clause as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def not_found(request: HttpRequest) -> HttpResponse:
    return answer(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here, or it belongs to another organization.")


def respond(request: HttpRequest, error: Exception) -> HttpResponse:
    """How an exception is told to the caller."""
    match error:
        case Refusal():
            return answer(error.status, error.error, error.detail)
        case AuthenticationError():
            detail = "Send a service token of your organization: Authorization: Bearer bat_…"
            return answer(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, {"WWW-Authenticate": challenge(request)})
        case InsufficientScope():
            return out_of_scope(error)
        case TooManyWrongTokens():
            detail = "Too many wrong service tokens came from your address. Wait before you send another one."
            headers = {"Retry-After": str(error.retry_after)}
            return answer(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", detail, headers)
        case Http404():
            return not_found(request)
        case NeedsAuthorization():
            return answer(HTTPStatus.CONFLICT, "needs_authorization", sentence(str(error)))
        case ConsumerNotAuthenticated():
            return answer(HTTPStatus.CONFLICT, "consumer_not_authenticated", sentence(str(error)))
        case Deactivated():
            return answer(HTTPStatus.CONFLICT, "needs_authorization", str(error))
        case NotConfigured():
            return answer(HTTPStatus.CONFLICT, "not_configured", sentence(str(error)))
        case NoChallenge():
            return unprocessable("no_challenge", "A credential of this type is not authenticated by a consumer's link.")
        case WrongConfirmation():
            return unprocessable("wrong_confirmation", "This is not the code that the consumer's page shows.")
        case NoIdentityProvider():
            detail = "The account has no consumer identity provider. An administrator sets it up."
            return answer(HTTPStatus.CONFLICT, "no_identity_provider", detail)
        case WrongHandOver():
            return unprocessable("invalid_request", str(error))
        case InvalidIdToken():
            return unprocessable("invalid_id_token", str(error))
        case OAuthFailure():
            return refused_by_provider(error)
        case Unavailable():
            return unavailable(str(error), error.retry_after)
        case OperationalError() | InterfaceError():
            logger.error("The database cannot be used: %s", type(error).__name__)
            return unavailable("the database cannot be reached", DATABASE_RETRY_SECONDS)
        case ValidationError():
            return invalid(error)
        case HttpError():
            return unreadable(error)
        case NoToken():
            return unprocessable("no_token", "A credential of this type has no token to hand out.")
        case NoCredential():
            return unprocessable("no_credential", "The domain has no credential for an NLU engine.")
        case MissingVariable():
            return unprocessable("missing_variable", str(error))
        case UnsafeValue():
            return unprocessable("invalid_variable", str(error))
        case UnknownType():
            return unprocessable("unknown_type", "This version of Bot Accounts does not know the credential's type.")
    logger.error("A request to the API failed", exc_info=error)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side.")


PROVIDER_RETRY_SECONDS = 5.0


def refused_by_provider(failure: OAuthFailure) -> HttpResponse:
    """What the identity provider said to a hand-over: final, or worth another try."""
    why = explain.reason(failure.code, failure.description)
    if failure.permanent:
        return unprocessable("hand_over_refused", sentence(why))
    return unavailable(why, failure.retry_after or PROVIDER_RETRY_SECONDS)


def out_of_scope(refusal: InsufficientScope) -> HttpResponse:
    """RFC 6750 §3.1: what would be needed is named."""
    detail = f"The service token does not have the scope {refusal.scope}."
    headers = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{refusal.scope}"'}
    return answer(HTTPStatus.FORBIDDEN, "insufficient_scope", detail, headers)


def unprocessable(error: str, detail: str) -> HttpResponse:
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, error, detail)


def unavailable(why: str, seconds: float) -> HttpResponse:
    """RFC 9110 §15.6.4, with whole seconds to wait."""
    detail = sentence(f"it cannot be done right now: {why}")
    headers = {"Retry-After": str(math.ceil(seconds))}
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", detail, headers)


def invalid(error: ValidationError) -> HttpResponse:
    """Where the first thing is that does not fit. Names of members are repeated, values are not."""
    first = error.errors[0]
    # ("body", name of our argument, member, member…)
    where = ".".join(str(part) for part in first["loc"][2:] or first["loc"][-1:])
    what = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return unprocessable("invalid_request", f"{where[:100]}: {what}.")


def unreadable(error: HttpError) -> HttpResponse:
    """The library says 400 for a body that it cannot parse."""
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return unprocessable("invalid_request", "The body is not JSON.")
    return answer(error.status_code, "invalid_request", sentence(error.message))
