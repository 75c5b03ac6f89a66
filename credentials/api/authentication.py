"""Who calls: a service token in the `Authorization` header (RFC 6750 §2.1), and nowhere else; and what it may do."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest
from ninja.security import HttpBearer

from credentials.api.limit import count_wrong_token
from credentials.services.presented import Presented
from organizations import group_commit
from organizations.audit import Actor, NewEntry
from organizations.models import ServiceToken
from organizations.scopes import Scope
from organizations.service_tokens import BEGINNING
from organizations.services import authenticate_service_token

SCHEME = "Bearer"
REALM = 'Bearer realm="Bot Accounts"'
# Names by which libraries put a token into an address (RFC 6750 §2.3 and its relatives).
TOKEN_PARAMETERS = frozenset({"access_token", "api_key", "authorization", "service_token", "token"})


class InsufficientScope(Exception):
    """The service token may not do this (RFC 6750 §3.1)."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.scope = scope


class ServiceTokenAuthentication(HttpBearer):
    """Sets `request.auth` to the service token's row, with its organization. It has to have `scope`.

    With `present`, to what that reads at once: the service token and the row whose id stands in the address.
    Raises `InsufficientScope`, and `limit.TooManyWrongTokens`.
    """

    openapi_bearerFormat = "bat_…"  # noqa: N815 - the name that OpenAPI gives it

    def __init__(self, scope: Scope, *, present: Callable[[str, UUID], Presented | None] | None = None) -> None:
        super().__init__()
        self.scope = scope
        self.present = present

    def __call__(self, request: HttpRequest) -> ServiceToken | Presented | None:
        # Not the library's own parsing: with DEBUG on it writes what was sent to the log.
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        found = self.authenticate(request, token.strip())
        if found is None:
            count_wrong_token(request)
            return None
        shown = found.service_token if isinstance(found, Presented) else found
        if not shown.may(self.scope):
            refuse(shown, self.scope)
        return found

    def authenticate(self, request: HttpRequest, token: str) -> ServiceToken | Presented | None:
        if self.present is None:
            return authenticate_service_token(token)
        # A converter has checked the id; the library's leaves it a text.
        (named,) = request.resolver_match.kwargs.values()  # type: ignore[union-attr]
        return self.present(token, UUID(str(named)))


def refuse(shown: ServiceToken, scope: Scope) -> None:
    """Tell the log, and then the caller."""
    entry = NewEntry(Actor.for_service_token(shown), "access.denied", outcome="denied", details={"needed": str(scope)})
    group_commit.append(shown.organization_id, [entry])
    raise InsufficientScope(scope)


def challenge(request: HttpRequest) -> str:
    """The `WWW-Authenticate` of a 401 (RFC 6750 §3): a token that was sent is said to be invalid."""
    return f'{REALM}, error="invalid_token"' if "Authorization" in request.headers else REALM


def has_token_in_address(request: HttpRequest) -> bool:
    """Whether the query string carries a token: addresses end up in logs and histories."""
    return any(
        name.lower() in TOKEN_PARAMETERS or any(value.startswith(BEGINNING) for value in values)
        for name, values in request.GET.lists()
    )
