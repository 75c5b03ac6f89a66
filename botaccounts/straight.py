"""Bots' calls go straight from here to their view: nothing behind this in the middleware is about them.

Sessions, messages, CSRF tokens, signing in and htmx belong to pages. A call of the API brings its service token along,
is answered in JSON, and is asked for thousands of times; what the rest of the middleware would do to its answer is done
here.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import resolve

API = "/api/v1/"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}


class StraightToTheApiMiddleware:
    """Takes what lies below `/api/v1/` and shows an `Authorization` header; a browser that looks around shows none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_AUTHORIZATION" not in request.META or not request.path_info.startswith(API):
            return self.get_response(request)
        request.get_host()  # raises `DisallowedHost`, which `botaccounts.refused` answers
        found = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        return response
