"""What a page says while the database is away: come again. What was saved is safe, and nothing else is wrong."""

import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

RETRY_SECONDS = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """The project's `handler500`, which Django calls while it handles the exception."""
    if not database_is_away(sys.exception()):
        return defaults.server_error(request)
    page = loader.get_template("503.html").render()
    # RFC 9110 §15.6.4
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})


def database_is_away(error: BaseException | None) -> bool:
    """Whether it cannot be reached or used right now; a statement that it does not understand is a mistake of ours."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    # SQLite calls both by the same name, and tells them apart by its codes.
    cause = error.__cause__
    return not (isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode == sqlite3.SQLITE_ERROR)
