"""Service tokens: to find, to inspect without the digest, and to revoke."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from organizations import services
from organizations.admin_pages import ReadOnlyAdmin, staff
from organizations.models import ServiceToken


class TokenStateFilter(admin.SimpleListFilter):
    """Active, expired or revoked, as `ServiceToken.state` says."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.in_state(self.value()) if self.value() else queryset  # type: ignore[attr-defined]


@admin.register(ServiceToken)
class ServiceTokenAdmin(ReadOnlyAdmin):
    fields = [
        "id",
        "organization",
        "name",
        "prefix",
        "scopes",
        "credential_ids",
        "state",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "created_by",
        "created_at",
    ]
    list_display = ["name", "prefix", "organization", "may", "state", "expires_at", "last_used_at", "created_by"]
    list_filter = [TokenStateFilter, "expires_at"]
    list_select_related = ["organization", "created_by"]
    search_fields = ["name", "=prefix", "=id", "organization__name", "=organization__id"]
    actions = ["revoke"]

    @admin.display(description="scopes")
    def may(self, token: ServiceToken) -> str:
        restricted = "" if token.credential_ids is None else f" ({len(token.credential_ids)} credentials only)"
        return ", ".join(token.scopes) + restricted

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("organizations.change_servicetoken")

    @admin.action(description="Revoke the selected service tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServiceToken]) -> None:
        tokens = queryset.select_related("organization")
        revoked = sum(services.revoke_service_token(staff(request), token) for token in tokens)
        self.message_user(request, f"Service tokens revoked: {revoked}.", messages.SUCCESS)
