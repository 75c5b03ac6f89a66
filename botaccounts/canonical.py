"""One address: a page that is opened by another name of this machine continues at `PUBLIC_URL`.

Signing in at `localhost` and coming back from a resource to `127.0.0.1` would be two browsers to the product. Probes
and the API are answered wherever they ask.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase

ANYWHERE = ("/health/", "/api/", "/metrics")
SAFE = ("GET", "HEAD")


class CanonicalHostMiddleware:
    """Only for names that `ALLOWED_HOSTS` accepts: `get_host` refuses the others with 400 first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        named = urlsplit(f"//{request.get_host()}").hostname
        if named == urlsplit(settings.PUBLIC_URL).hostname or request.path.startswith(ANYWHERE):
            return self.get_response(request)
        if request.method not in SAFE:
            return HttpResponse("Open this page at its own address and send the form there.\n", status=421)
        return HttpResponseRedirect(f"{settings.PUBLIC_URL}{request.get_full_path()}")
