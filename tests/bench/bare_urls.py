"""The product's paths, and beside them what the product is held against: bare views. Only benchmarks mount this."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from botaccounts import urls
from credentials.models import Credential

DJANGOS_OWN = "djangos_own" if "djangos_own" in settings.DATABASES else "default"


def one_row(database: str) -> Callable[[HttpRequest, UUID], JsonResponse]:
    """One row by its primary key, as JSON: no authentication, no secret, no audit."""

    @csrf_exempt
    def view(request: HttpRequest, credential_id: UUID) -> JsonResponse:
        row = Credential.objects.using(database).values("id", "name", "kind", "status").get(pk=credential_id)
        return JsonResponse(row)

    return view


# Below /api/v1/, so that it takes the same way through the middleware as what it is compared to.
urlpatterns = [
    path("api/v1/bare/<uuid:credential_id>", one_row(DJANGOS_OWN)),
    path("api/v1/bare-and-kept-open/<uuid:credential_id>", one_row("default")),
    *urls.urlpatterns,
]
