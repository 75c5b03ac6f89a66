"""The protected API: without a living access token of the right scope it answers 401 or 403 (RFC 6750)."""

import hashlib
import json
from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.views.generic import ScopedProtectedResourceMetadataView


def _caller(request: HttpRequest) -> dict[str, str | None]:
    """Whose token it was: the person (None for a client of its own), the application, its client id, the scope."""
    token: Any = request.auth  # type: ignore[attr-defined]
    return {
        "user": token.user.get_username() if token.user else None,
        "client": token.application.name,
        "client_id": token.application.client_id,
        "scope": token.scope,
    }


@method_decorator(csrf_exempt, name="dispatch")
class ProtectedView(ScopedProtectedResourceMetadataView):
    """A view that wants `required_scopes`; the token's row is at `request.auth`."""

    www_authenticate_realm = "Sandbox resource"
    resource_metadata_url = None

    def verify_request(self, request: HttpRequest) -> tuple[bool, Any]:
        valid, verified = super().verify_request(request)
        if valid:
            request.auth = verified.access_token  # type: ignore[attr-defined]
        return valid, verified

    def unauthenticated_response(self, request: HttpRequest, oauthlib_request: Any = None) -> JsonResponse:
        refusal = super().unauthenticated_response(request, oauthlib_request)
        error = (getattr(oauthlib_request, "oauth2_error", None) or {}).get("error", "invalid_token")
        return JsonResponse(
            {"error": error},
            status=refusal.status_code,
            headers={"WWW-Authenticate": refusal["WWW-Authenticate"]},
        )


class Order(ProtectedView):
    """GET /api/orders/NUMBER -> 200 with an order that names the caller."""

    required_scopes: ClassVar[list[str]] = ["read"]

    def get(self, request: HttpRequest, number: str) -> JsonResponse:
        return JsonResponse({"order": number, "status": "shipped", "items": 3, **_caller(request)})


class Orders(ProtectedView):
    """POST /api/orders with a JSON object -> 201 and the object back; 400 where the body is no JSON object."""

    required_scopes: ClassVar[list[str]] = ["write"]

    def post(self, request: HttpRequest) -> JsonResponse:
        try:
            received = json.loads(request.body or b"{}")
        except ValueError:
            received = None
        if not isinstance(received, dict):
            return JsonResponse({"error": "invalid_order", "detail": "The body must be a JSON object."}, status=400)
        return JsonResponse(
            {"order": "A-1001", "status": "placed", "received": received, **_caller(request)}, status=201
        )


class Echo(ProtectedView):
    """GET /api/echo -> what arrived, with the token as a fingerprint only."""

    required_scopes: ClassVar[list[str]] = ["read"]

    def get(self, request: HttpRequest) -> JsonResponse:
        token = request.headers.get("Authorization", "").partition(" ")[2]
        headers = {name: value for name, value in request.headers.items() if name not in ("Authorization", "Cookie")}
        return JsonResponse(
            {
                "method": request.method,
                "query": request.GET.dict(),
                "headers": headers,
                "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
                **_caller(request),
            }
        )
