"""Accounts, organizations, members and bots: opened, changed and removed through services."""

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from organizations import invitations, services
from organizations.admin_pages import UseCaseAdmin, staff
from organizations.audit import Actor
from organizations.models import Account, Bot, Invitation, Membership, Organization, Role


@admin.register(Account)
class AccountAdmin(UseCaseAdmin):
    fields = ["number", "name"]
    fixed = ("number",)
    list_display = ["number", "name", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["=number", "name"]

    def create(self, actor: Actor, obj: Account) -> Account:
        return services.create_account(actor, obj.number, obj.name)

    def update(self, actor: Actor, obj: Account) -> None:
        services.rename_account(actor, obj, obj.name)


@admin.register(Organization)
class OrganizationAdmin(UseCaseAdmin):
    fields = ["account", "name"]
    fixed = ("account",)
    autocomplete_fields = ["account"]
    list_display = ["name", "account", "id", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["account"]
    search_fields = ["name", "=id", "account__name", "=account__number"]

    def create(self, actor: Actor, obj: Organization) -> Organization:
        return services.create_organization(actor, obj.account, obj.name)

    def update(self, actor: Actor, obj: Organization) -> None:
        services.rename_organization(actor, obj, obj.name)


@admin.register(Membership)
class MembershipAdmin(UseCaseAdmin):
    fields = ["organization", "user", "role"]
    fixed = ("organization", "user")
    autocomplete_fields = ["organization", "user"]
    list_display = ["user", "organization", "role", "invited", "created_at"]
    list_filter = ["role", "user__is_active", ("user__invitation__accepted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user__invitation", "organization"]
    search_fields = ["user__username", "organization__name", "=organization__id"]
    actions = ["resend_invitation"]

    def create(self, actor: Actor, obj: Membership) -> Membership:
        return services.add_member(actor, obj.organization, obj.user.get_username(), Role(obj.role))

    def update(self, actor: Actor, obj: Membership) -> None:
        services.change_role(actor, obj, Role(obj.role))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.remove_member(staff(request), obj)

    @admin.display(description="Invitation", ordering="user__invitation__sent_at")
    def invited(self, membership: Membership) -> str:
        invitation: Invitation | None = getattr(membership.user, "invitation", None)
        if invitation is None:
            return ""
        return "accepted" if invitation.accepted_at else f"sent {invitation.sent_at:%Y-%m-%d %H:%M}, not accepted yet"

    @admin.action(description="Resend the invitations of the selected members", permissions=["change"])
    def resend_invitation(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset.select_related("user", "organization__account"):
            try:
                mailed = invitations.resend(staff(request), membership)
            except ValidationError as refusal:
                self.message_user(request, f"{membership.user}: {' '.join(refusal.messages)}", messages.WARNING)
                continue
            words, level = ("is invited again", messages.SUCCESS) if mailed else ("was not mailed", messages.ERROR)
            self.message_user(request, f"{membership.user} {words}.", level)


@admin.register(Bot)
class BotAdmin(UseCaseAdmin):
    fields = ["organization", "name"]
    fixed = ("organization",)
    autocomplete_fields = ["organization"]
    list_display = ["name", "organization", "id", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["organization"]
    search_fields = ["name", "=id", "organization__name", "=organization__id"]

    def create(self, actor: Actor, obj: Bot) -> Bot:
        return services.create_bot(actor, obj.organization, obj.name)

    def update(self, actor: Actor, obj: Bot) -> None:
        services.rename_bot(actor, obj, obj.name)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Bot) -> None:
        services.remove_bot(staff(request), obj)
