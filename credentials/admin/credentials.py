"""Credentials in the Django admin: everything but secrets, and a switch for when something is wrong with one."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from credentials.admin.unsealed import UnsealedAdmin
from credentials.models import Credential
from credentials.services import activation
from credentials.services.describe import type_of
from credentials.types.registry import rooms
from organizations.admin_pages import staff


class KindFilter(admin.SimpleListFilter):
    """By authentication type: those there are, without reading the table for them."""

    title = "type"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(room.kind, room.label) for room in rooms()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Credential)
class CredentialAdmin(UnsealedAdmin):
    fields = [
        "id",
        "organization",
        "account",
        "name",
        "type",
        "payload",
        "status",
        "status_code",
        "status_reason",
        "status_changed_at",
        "deactivated_at",
        "expires_at",
        "last_used_at",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
    ]
    list_display = ["name", "organization", "type", "status", "deactivated_at", "expires_at", "last_used_at"]
    list_filter = [KindFilter, "status", ("deactivated_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at"]
    list_select_related = ["organization"]
    ordering = ["-created_at"]
    search_fields = ["name", "=id", "organization__name", "=organization__id", "=account__number"]
    actions: Any = ["deactivate", "activate"]

    @admin.display(ordering="kind")
    def type(self, credential: Credential) -> str:
        return type_of(credential)

    def has_deactivate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("credentials.change_credential"))

    @admin.action(description="Deactivate the selected credentials", permissions=["deactivate"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        chosen = queryset.select_related("organization")
        done = sum(activation.deactivate(staff(request), credential) for credential in chosen)
        self.message_user(request, f"Credentials deactivated: {done}.", messages.SUCCESS)

    @admin.action(description="Activate the selected credentials again", permissions=["deactivate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        chosen = queryset.select_related("organization")
        done = sum(activation.activate(staff(request), credential) for credential in chosen)
        self.message_user(request, f"Credentials activated: {done}.", messages.SUCCESS)
