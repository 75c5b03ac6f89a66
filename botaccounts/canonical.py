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
OWN_NAMES = {"localhost", "127.0.0.1", "::1"}
SAFE = ("GET", "HEAD")


class CanonicalHostMiddleware:
    """Only among the names by which a machine knows itself, and of those only the ones in `ALLOWED_HOSTS`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        named, public = urlsplit(f"//{request.get_host()}").hostname, urlsplit(settings.PUBLIC_URL).hostname
        if named == public or not {named, public} <= OWN_NAMES or request.path.startswith(ANYWHERE):
            return self.get_response(request)
        if request.method not in SAFE:
            return HttpResponse("Open this page at its own address and send the form there.\n", status=421)
        return HttpResponseRedirect(f"{settings.PUBLIC_URL}{request.get_full_path()}")
