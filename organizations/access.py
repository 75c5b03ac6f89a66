"""Load and authorize in one call: the only way from a request to an organization.

Membership and role are read from the database for every request, so a changed role or a disabled person counts from
the next one. Somebody outside an organization is told that there is no such page (404); a member whose role is too
small is told so (403), and the refusal is recorded.
"""

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from organizations import audit, policies
from organizations.models import AuditEntry, Membership, Organization, Role
from organizations.policies import Action


class Refused(PermissionDenied):
    """A member's role is too small. Holds what is needed to record it once more should a rollback take it back."""

    def __init__(self, access: "Access", action: Action) -> None:
        super().__init__(f"The role {access.role.label} does not include this.")
        self.access = access
        self.action = action
        self.entry = self._record()

    def _record(self) -> AuditEntry:
        with transaction.atomic():
            return audit.record(
                self.access.organization,
                self.access.actor,
                "access.denied",
                outcome="denied",
                details={"needed": str(self.action), "role": str(self.access.role)},
            )

    def keep(self) -> None:
        """Called where the transaction of the refused change has ended: the refusal outlives it."""
        if not audit.recorded(self.entry):
            self.entry = self._record()


@dataclass(frozen=True)
class Access:
    """A person inside one organization, with the role they have there now."""

    user: User
    organization: Organization
    role: Role

    @property
    def actor(self) -> audit.Actor:
        return audit.Actor.for_user(self.user)

    @property
    def allowed(self) -> frozenset[Action]:
        """For templates: `{% if "manage_bots" in access.allowed %}`."""
        return policies.allowed(self.role)

    def may(self, action: Action) -> bool:
        return policies.allows(self.role, action)

    def require(self, action: Action) -> None:
        """Raises `Refused` (a `PermissionDenied`, recorded) when the role does not include `action`."""
        if not self.may(action):
            raise Refused(self, action)


def organizations_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Organization]:
    """The organizations that a person belongs to, by name, with their accounts."""
    return (
        Organization.objects.filter(memberships__user_id=user.pk or 0).select_related("account").order_by("name", "id")
    )


def enter(user: AbstractBaseUser | AnonymousUser, organization_id: uuid.UUID | str, action: Action) -> Access:
    """Let a person into an organization to do `action`, in one query.

    Raises `Http404` for anybody who is no active member, and `Refused` where the role is too small.
    """
    membership = (
        Membership.objects.select_related("user", "organization__account")
        .filter(user_id=user.pk or 0, user__is_active=True, organization_id=organization_id)
        .first()
    )
    if membership is None:
        raise Http404("There is no such organization, or you do not belong to it.")
    access = Access(membership.user, membership.organization, Role(membership.role))
    access.require(action)
    return access


def enter_account(user: AbstractBaseUser | AnonymousUser, number: str, action: Action) -> Access:
    """Let a person into an account to do `action`, through an organization of it where their role allows that.

    Raises `Http404` for anybody who is in none of its organizations, and `Refused` where every role is too small.
    """
    memberships = Membership.objects.select_related("user", "organization__account").filter(
        user_id=user.pk or 0, user__is_active=True, organization__account__number=number
    )
    inside = [Access(each.user, each.organization, Role(each.role)) for each in memberships]
    if not inside:
        raise Http404("There is no such account, or you do not belong to it.")
    access = next((each for each in inside if each.may(action)), inside[0])
    access.require(action)
    return access


def authorize(by: Access | audit.Actor, organization: Organization, action: Action) -> audit.Actor:
    """Who is answerable for a service call in `organization`.

    A person (`Access`) must be inside that organization and allowed; an `Actor` is a command, a worker or staff in the
    Django admin, whose own door has decided already.
    """
    if isinstance(by, audit.Actor):
        return by
    if by.organization.pk != organization.pk:
        raise Http404("There is no such organization, or you do not belong to it.")
    by.require(action)
    return by.actor


View = Callable[..., HttpResponseBase]


def in_organization(action: Action) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """Turn `view(request, access, **kwargs)` into a view of the path's `organization_id`; sign-in is required."""

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def entered(request: HttpRequest, organization_id: uuid.UUID, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, enter(request.user, organization_id, action), **kwargs)
            except Refused as refusal:
                refusal.keep()
                raise

        guarded = login_required(entered)
        guarded.action = action  # type: ignore[attr-defined] # said to whoever walks the URL configuration
        return guarded

    return decorate
