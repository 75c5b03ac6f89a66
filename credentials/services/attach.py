"""What a credential may be given to: third-party NLU to domains, every other type to integrations."""

from functools import reduce
from operator import or_
from typing import Literal
from uuid import UUID

from django.db.models import QuerySet

from credentials.models import Credential
from credentials.types.registry import UnknownType, room, rooms
from organizations.models import Organization

Place = Literal["integrations", "domains"]


def place_of(credential: Credential) -> Place | None:
    """Where it may be attached; None where this version does not know its type."""
    try:
        return room(credential.kind).attaches_to
    except UnknownType:
        return None


def offered_to(place: Place, organization: Organization, *, attached: UUID | None = None) -> QuerySet[Credential]:
    """The credentials of the organization that a picker offers, by name, with their tokens.

    `attached` is offered too, whatever it is: one whose type this version does not know stays where it is.
    """
    credentials = Credential.objects.filter(organization=organization)
    fitting = (credentials.filter(kind=each.kind) for each in rooms() if each.attaches_to == place)
    return (
        reduce(or_, fitting, credentials.filter(pk=attached) if attached else credentials.none())
        .select_related("token")
        .order_by("name")
    )


def problem(place: Place, credential: Credential | None, organization: Organization) -> str:
    """Why it cannot be attached there, in one sentence; "" where it can."""
    if credential is None:
        return ""
    if credential.organization_id != organization.pk:
        return "There is no such credential in this organization."
    its_place = place_of(credential)
    if its_place not in (place, None):
        return f"A credential of this type is for {its_place} only."
    return ""
