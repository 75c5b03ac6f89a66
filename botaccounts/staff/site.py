"""Django's admin for staff whose session has shown a second factor; everybody else of staff is asked for it first."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse


class StaffSite(AdminSite):
    """A password opens nothing of it: it leads to the second factor, or to setting one up."""

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return super().has_permission(request) and user.is_verified()

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from botaccounts.staff import views

        return [
            path("second-factor/", views.second_factor, name="second-factor"),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask somebody of staff, who has signed in, for their second factor; anybody else for their password."""
        if request.user.is_active and request.user.is_staff and not self.has_permission(request):
            target = request.GET.get("next", "")
            query = f"?{urlencode({'next': target})}" if target else ""
            return HttpResponseRedirect(reverse("admin:second-factor") + query)
        return super().login(request, extra_context)
