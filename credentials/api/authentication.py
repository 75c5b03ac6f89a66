"""Who calls: a service token in the `Authorization` header (RFC 6750 §2.1), and nowhere else."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from organizations.models import ServiceToken
from organizations.service_tokens import BEGINNING
from organizations.services import authenticate_service_token

SCHEME = "Bearer"
REALM = 'Bearer realm="Bot Accounts"'
# Names by which libraries put a token into an address (RFC 6750 §2.3 and its relatives).
TOKEN_PARAMETERS = frozenset({"access_token", "api_key", "authorization", "service_token", "token"})


class ServiceTokenAuthentication(HttpBearer):
    """Sets `request.auth` to the service token's row, with its organization."""

    openapi_bearerFormat = "bat_…"  # noqa: N815 - the name that OpenAPI gives it

    def __call__(self, request: HttpRequest) -> ServiceToken | None:
        # Not the library's own parsing: with DEBUG on it writes what was sent to the log.
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.authenticate(request, token.strip()) if scheme.lower() == SCHEME.lower() else None

    def authenticate(self, request: HttpRequest, token: str) -> ServiceToken | None:
        return authenticate_service_token(token)


def challenge(request: HttpRequest) -> str:
    """The `WWW-Authenticate` of a 401 (RFC 6750 §3): a token that was sent is said to be invalid."""
    return f'{REALM}, error="invalid_token"' if "Authorization" in request.headers else REALM


def has_token_in_address(request: HttpRequest) -> bool:
    """Whether the query string carries a token: addresses end up in logs and histories."""
    return any(
        name.lower() in TOKEN_PARAMETERS or any(value.startswith(BEGINNING) for value in values)
        for name, values in request.GET.lists()
    )
