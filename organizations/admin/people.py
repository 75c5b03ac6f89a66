"""People and groups of staff: Django's own pages, with what they change in the system's audit chain."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse

from organizations import audit
from organizations.admin_pages import staff


class AuditedAdmin(admin.ModelAdmin):
    """For Django's own models: what the admin notes in its log goes to the system's audit chain as well."""

    def _audit(self, request: HttpRequest, objects: Iterable[Any], verb: str, details: dict[str, Any]) -> None:
        name = str(self.opts.model_name)
        entries = [
            audit.NewEntry(staff(request), f"{name}.{verb}", name, str(obj.pk), str(obj), details=details)
            for obj in objects
        ]
        with transaction.atomic():
            audit.record_many(None, entries)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        self._audit(request, [obj], "created", {})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        self._audit(request, [obj], "changed", {"changed": _changed_fields(message)})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self._audit(request, queryset, "deleted", {})
        return super().log_deletions(request, queryset)


def _changed_fields(message: Any) -> list[str]:
    """The labels of the changed fields, out of the message that the admin builds for its own log."""
    parts = message if isinstance(message, list) else []
    return [str(field) for part in parts for field in part.get("changed", {}).get("fields", [])]


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    """People are disabled, not deleted: what they did keeps their name."""

    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class StaffGroupAdmin(AuditedAdmin, GroupAdmin):
    """Groups of staff and their permissions in the admin."""
