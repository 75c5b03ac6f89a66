"""Who of staff has a second factor, without its key; and taking one away when it is lost."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from botaccounts.staff import services
from botaccounts.staff.models import SecondFactor
from organizations.admin_pages import ReadOnlyAdmin, staff


@admin.register(SecondFactor)
class SecondFactorAdmin(ReadOnlyAdmin):
    fields = ["user", "confirmed", "created_at", "last_used_at", "failures", "locked_until"]
    list_display = ["user", "confirmed", "created_at", "last_used_at", "locked_until"]
    list_filter = ["confirmed", "last_used_at"]
    list_select_related = ["user"]
    ordering = ["user__username"]
    search_fields = ["user__username", "user__email"]
    actions: Any = ["reset"]

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("staff.delete_secondfactor"))

    @admin.action(description="Reset the selected second factors", permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: QuerySet[SecondFactor]) -> None:
        done = sum(services.reset(staff(request), factor.user) for factor in queryset.select_related("user"))
        self.message_user(request, f"Second factors reset: {done}.", messages.SUCCESS)
