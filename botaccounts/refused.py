"""What Django itself refuses before any view is asked, such as a request that names a host of somebody else.

People get the page for it. Bots get the API's one shape, whichever layer it was that refused.
"""

from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.views import defaults

from botaccounts.straight import API, HEADERS
from credentials.api import errors


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The project's `handler400`. What was sent is not repeated."""
    if not request.path_info.startswith(API):
        return defaults.bad_request(request, exception)
    is_elsewhere = isinstance(exception, DisallowedHost)
    detail = "The request names a host that is not served here." if is_elsewhere else "The request cannot be read."
    # The middleware that would add the last one may be the one that refused.
    headers = {**HEADERS, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return errors.answer(HTTPStatus.BAD_REQUEST, "invalid_request", detail, headers)
