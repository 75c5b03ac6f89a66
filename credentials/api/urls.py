"""Paths below `/api/v1/`, each behind one door: what holds for every answer, also for those to no call of ours."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from credentials.api import errors
from credentials.api.authentication import has_token_in_address
from credentials.api.views import api, token_without_body

MAX_BODY_BYTES = 262_144
View = Callable[..., HttpResponse]


def behind_the_door(view: View) -> View:
    """No token in the address, no large body, and an answer that nobody stores. No session, hence no CSRF token."""

    @csrf_exempt
    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = turned_away(request) or view(request, *args, **kwargs)
        if isinstance(response, HttpResponseNotAllowed):
            detail = f"This address answers to {response['Allow']} only."
            headers = {"Allow": response["Allow"]}
            response = errors.answer(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers)
        patch_cache_control(response, no_store=True)
        return response

    return answered


def turned_away(request: HttpRequest) -> HttpResponse | None:
    """What is not even looked at."""
    if has_token_in_address(request):
        detail = "A token in the address ends up in logs: revoke it, and send tokens in the Authorization header."
        return errors.answer(HTTPStatus.BAD_REQUEST, "invalid_request", detail)
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
        detail = f"The body has more than {MAX_BODY_BYTES} bytes."
        return errors.answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
    return None


def _guarded(pattern: URLPattern | URLResolver) -> URLPattern:
    assert isinstance(pattern, URLPattern)  # noqa: S101 - the library nests none
    pattern.callback = behind_the_door(pattern.callback)
    return pattern


def quickly(request: HttpRequest, credential_id: UUID) -> HttpResponse:
    """Token requests without a body, which is nearly all of what bots ask, do not go through the library."""
    if request.method == "POST" and (request.META.get("CONTENT_LENGTH") or "0") == "0":
        return token_without_body(request, credential_id)
    return _token_with_body(request, credential_id=str(credential_id))


_calls, _application, _namespace = api.urls
_token_with_body: View = next(each.callback for each in _calls if isinstance(each, URLPattern) and each.name == "token")
_unknown = behind_the_door(errors.not_found)

urlpatterns = [
    path("credentials/<uuid:credential_id>/token", behind_the_door(quickly)),
    path("", _unknown),
    path("", include(([_guarded(each) for each in _calls], _application), namespace=_namespace)),
    re_path(r"^.*$", _unknown),
]
