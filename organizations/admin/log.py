"""The audit log, to search and to read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from organizations.admin_pages import ReadOnlyAdmin
from organizations.models import AuditChain, AuditEntry


class _GivenFilter(admin.SimpleListFilter):
    """A filter over fixed words: asking a large log for its distinct values would read all of it."""

    words: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word.replace("_", " ").capitalize()) for word in self.words]


class ActorFilter(_GivenFilter):
    """By kind of actor."""

    title = "actor"
    parameter_name = "by"
    words = ("user", "service_token", "worker", "command", "anonymous")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


class SubjectFilter(_GivenFilter):
    """By the first word of the action."""

    title = "subject"
    parameter_name = "subject"
    words = (
        "access",
        "account",
        "bot",
        "credential",
        "group",
        "integration",
        "member",
        "notice",
        "organization",
        "service_token",
        "token",
        "user",
        "webhook",
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


class OutcomeFilter(_GivenFilter):
    """Done, or not."""

    title = "outcome"
    parameter_name = "result"
    words = ("ok", "not_ok")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "ok":
            return queryset.filter(outcome="ok")
        return queryset.exclude(outcome="ok") if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "chain", "position", "action", "outcome", "actor_label", "object_label"]
    list_filter = [ActorFilter, SubjectFilter, OutcomeFilter]
    list_select_related = ["chain"]
    ordering = ["-id"]
    search_fields = ["=action", "actor_label", "object_label", "=object_id", "=chain__id"]
    show_full_result_count = False


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "position", "head"]
    list_filter = ["position"]
    search_fields = ["=id"]
