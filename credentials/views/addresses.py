"""The addresses of an organization's pages."""

from uuid import UUID

from django.urls import reverse

from organizations.access import Access


def url_of(name: str, access: Access, *ids: UUID) -> str:
    """The page `name` of the person's organization; `ids` are those of the row that it is about."""
    return reverse(f"credentials:{name}", args=[access.organization.pk, *ids])
