"""Credentials in the Django admin: staff find, filter and inspect everything but secrets.

Integrations are changed through their service, as on the pages, and are in the audit log. Everything else is only
shown: a credential belongs to the people of its organization.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest

from credentials.admin.unsealed import UnsealedAdmin
from credentials.models import (
    ApiIntegration,
    Authorization,
    Domain,
    Draft,
    OAuthToken,
    TokenAttempt,
)
from credentials.services import attach, domains, integrations
from credentials.services.integrations import Definition
from organizations.admin_pages import UseCaseAdmin, staff
from organizations.audit import Actor


@admin.register(OAuthToken)
class OAuthTokenAdmin(UnsealedAdmin):
    fields = [
        "credential",
        "organization",
        "token_type",
        "scope",
        "has_access_token",
        "has_refresh_token",
        "obtained_at",
        "expires_at",
        "refresh_at",
        "generation",
        "lease_until",
        "failures",
        "last_error",
        "last_error_at",
    ]
    list_display = ["credential", "organization", "expires_at", "refresh_at", "generation", "failures"]
    list_filter = ["expires_at", "refresh_at", "failures"]
    list_select_related = ["credential", "organization"]
    ordering = ["refresh_at"]
    search_fields = ["credential__name", "=credential__id", "organization__name", "=organization__id"]

    @admin.display(boolean=True)
    def has_access_token(self, token: OAuthToken) -> bool:
        return bool(token.access_token)

    @admin.display(boolean=True)
    def has_refresh_token(self, token: OAuthToken) -> bool:
        return bool(token.refresh_token)


@admin.register(TokenAttempt)
class TokenAttemptAdmin(UnsealedAdmin):
    fields = [
        "id",
        "token",
        "organization",
        "authorization",
        "grant",
        "generation",
        "state",
        "error",
        "started_at",
        "finished_at",
    ]
    list_display = ["started_at", "credential", "organization", "grant", "generation", "state", "error"]
    list_filter = ["state", "grant", "started_at"]
    list_select_related = ["token__credential", "organization"]
    ordering = ["-started_at"]
    search_fields = ["token__credential__name", "=token__credential__id", "=organization__id", "=error"]

    def credential(self, attempt: TokenAttempt) -> str:
        return attempt.token.credential.name


@admin.register(Authorization)
class AuthorizationAdmin(UnsealedAdmin):
    fields = [
        "id",
        "credential",
        "organization",
        "user",
        "redirect_uri",
        "issuer",
        "iss_required",
        "status",
        "error",
        "error_description",
        "created_at",
        "expires_at",
        "claimed_at",
        "finished_at",
    ]
    list_display = ["created_at", "credential", "organization", "user", "status", "error"]
    list_filter = ["status", "created_at"]
    list_select_related = ["credential", "organization", "user"]
    ordering = ["-created_at"]
    search_fields = ["credential__name", "=credential__id", "=organization__id", "user__username", "=error"]


@admin.register(Draft)
class DraftAdmin(UnsealedAdmin):
    fields = ["id", "organization", "owner", "created_at", "expires_at"]
    list_display = ["id", "organization", "owner", "created_at", "expires_at"]
    list_filter = ["created_at", "expires_at"]
    list_select_related = ["organization", "owner"]
    ordering = ["-created_at"]
    search_fields = ["=id", "organization__name", "=organization__id", "owner__username"]


class BoundedJSONField(forms.JSONField):
    """What is nested without end, or holds a number of thousands of digits, is an error of the form and no failure."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)


class IntegrationAdminForm(forms.ModelForm):
    """Headers and parameters are JSON: a list of pairs."""

    class Meta:
        model = ApiIntegration
        fields = (
            "bot",
            "name",
            "method",
            "url",
            "credential",
            "use_default_headers",
            "headers",
            "parameters",
            "body",
        )
        field_classes = {"headers": BoundedJSONField, "parameters": BoundedJSONField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        credentials = self.fields.get("credential")
        if not self.instance._state.adding and isinstance(credentials, forms.ModelChoiceField):
            credentials.queryset = attach.offered_to(
                "integrations", self.instance.organization, attached=self.instance.credential_id
            )

    def clean_headers(self) -> list[list[str]]:
        return pairs(self.cleaned_data["headers"])

    def clean_parameters(self) -> list[list[str]]:
        return pairs(self.cleaned_data["parameters"])


def pairs(value: Any) -> list[list[str]]:
    """Raises `ValidationError` unless it is `[["name", "value"], …]` (or empty)."""
    found = value or []
    if not isinstance(found, list) or not all(is_pair(each) for each in found):
        raise ValidationError('Write a list of pairs: [["name", "value"]].')
    return found


def is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value)


@admin.register(ApiIntegration)
class ApiIntegrationAdmin(UseCaseAdmin):
    form = IntegrationAdminForm
    autocomplete_fields = ["bot", "credential"]
    list_display = ["name", "bot", "organization", "method", "url", "credential", "updated_at"]
    list_filter = ["method", ("credential", admin.EmptyFieldListFilter), "updated_at"]
    list_select_related = ["bot", "organization", "credential"]
    ordering = ["-updated_at"]
    search_fields = ["name", "=id", "url", "bot__name", "credential__name", "organization__name", "=organization__id"]

    def create(self, actor: Actor, obj: ApiIntegration) -> ApiIntegration:
        return integrations.create(actor, definition_of(obj))

    def update(self, actor: Actor, obj: ApiIntegration) -> None:
        integrations.edit(actor, obj, definition_of(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: ApiIntegration) -> None:
        integrations.delete(staff(request), obj)


def definition_of(integration: ApiIntegration) -> Definition:
    return Definition(
        bot=integration.bot,
        name=integration.name,
        method=integration.method,
        url=integration.url,
        credential=integration.credential,
        use_default_headers=integration.use_default_headers,
        headers=[(name, value) for name, value in integration.headers],
        parameters=[(name, value) for name, value in integration.parameters],
        body=integration.body,
    )


class DomainAdminForm(forms.ModelForm):
    """Offers what a domain may be given."""

    class Meta:
        model = Domain
        fields = ("organization", "name", "credential")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        credentials = self.fields.get("credential")
        if not self.instance._state.adding and isinstance(credentials, forms.ModelChoiceField):
            credentials.queryset = attach.offered_to(
                "domains", self.instance.organization, attached=self.instance.credential_id
            )


@admin.register(Domain)
class DomainAdmin(UseCaseAdmin):
    form = DomainAdminForm
    fixed = ("organization",)
    autocomplete_fields = ["organization", "credential"]
    list_display = ["name", "organization", "credential", "updated_at"]
    list_filter = [("credential", admin.EmptyFieldListFilter), "updated_at"]
    list_select_related = ["organization", "credential"]
    ordering = ["-updated_at"]
    search_fields = ["name", "=id", "credential__name", "organization__name", "=organization__id"]

    def create(self, actor: Actor, obj: Domain) -> Domain:
        return domains.create(actor, obj.organization, name=obj.name, credential=obj.credential)

    def update(self, actor: Actor, obj: Domain) -> None:
        domains.edit(actor, obj, name=obj.name, credential=obj.credential)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Domain) -> None:
        domains.delete(staff(request), obj)
