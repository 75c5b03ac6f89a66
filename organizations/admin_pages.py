"""The two kinds of admin page: one that changes through services, one that only shows."""

import abc
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import MediaDefiningClass, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from organizations.audit import Actor


def staff(request: HttpRequest) -> Actor:
    """Who is answerable for what is done in the admin."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return Actor.for_user(request.user)


class UseCaseType(abc.ABCMeta, MediaDefiningClass):
    """Lets an admin page be abstract: the admin refuses to register one that leaves a use case out."""


class UseCaseAdmin(admin.ModelAdmin, metaclass=UseCaseType):
    """Saves and deletes through services; what they refuse is shown as a message, and nothing is changed."""

    fixed: tuple[str, ...] = ()  # given once, never changed

    @abc.abstractmethod
    def create(self, actor: Actor, obj: Any) -> models.Model:
        """Open what was entered."""

    @abc.abstractmethod
    def update(self, actor: Actor, obj: Any) -> None:
        """Change what may be changed to what was entered."""

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return self.fixed if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        if change:
            self.update(staff(request), obj)
        else:
            obj.pk = self.create(staff(request), obj).pk
            obj.refresh_from_db()

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            return self._refused(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except ValidationError as error:
            return self._refused(request, error)

    def _refused(self, request: HttpRequest, error: ValidationError) -> HttpResponse:
        self.message_user(request, " ".join(error.messages), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(admin.ModelAdmin):
    """To find and to look at."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
