"""The product's paths, and beside them what the product is held against: a bare view. Only benchmarks mount this."""

from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from botaccounts import urls
from credentials.models import Credential


@csrf_exempt
def one_row(request: HttpRequest, credential_id: UUID) -> JsonResponse:
    """One row by its primary key, as JSON: no authentication, no secret, no audit."""
    return JsonResponse(Credential.objects.values("id", "name", "kind", "status").get(pk=credential_id))


# Below /api/v1/, so that it takes the same way through the middleware as what it is compared to.
urlpatterns = [path("api/v1/bare/<uuid:credential_id>", one_row), *urls.urlpatterns]
