"""The navigation of an organization: only what the person may open, with the current page marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext_lazy

from organizations.access import Access
from organizations.policies import Action

register = template.Library()

# Label, view, and what one must be allowed to do. *Credentials* comes first: the upper-left corner is its place.
ENTRIES: Sequence[tuple[Any, str, Action]] = (
    (gettext_lazy("Credentials"), "credentials:list", Action.SEE_CREDENTIALS),
    (gettext_lazy("Integrations"), "credentials:integrations", Action.SEE_INTEGRATIONS),
    (gettext_lazy("Domains"), "credentials:domains", Action.SEE_INTEGRATIONS),
    (gettext_lazy("Expiry"), "credentials:expiry", Action.SEE_CREDENTIALS),
    (gettext_lazy("Bots"), "organizations:bots", Action.SEE_BOTS),
    (gettext_lazy("Members"), "organizations:members", Action.SEE_MEMBERS),
    (gettext_lazy("Service tokens"), "organizations:service-tokens", Action.MANAGE_SERVICE_TOKENS),
    (gettext_lazy("Activity"), "organizations:activity", Action.SEE_ACTIVITY),
)
# The account's, and the last one. It keeps in mind from which of the account's organizations the person came.
IDENTITY_PROVIDER = (gettext_lazy("Identity provider"), "credentials:identity-provider", Action.MANAGE_ACCOUNT)


@dataclass(frozen=True)
class NavigationItem:
    """One link of the navigation; `current` is true on the page itself and on every page below it."""

    label: str
    url: str
    current: bool


def items(access: Access, path: str) -> list[NavigationItem]:
    """The links that `access` allows, for a person who is at `path`."""
    links = []
    for label, view, action in ENTRIES:
        if access.may(action):
            url = reverse(view, kwargs={"organization_id": access.organization.pk})
            links.append(NavigationItem(str(label), url, path.startswith(url)))
    label, view, action = IDENTITY_PROVIDER
    if access.may(action):
        url = reverse(view, kwargs={"number": access.organization.account.number})
        links.append(NavigationItem(str(label), f"{url}?organization={access.organization.pk}", path.startswith(url)))
    return links


@register.inclusion_tag("partials/navigation.html", takes_context=True)
def organization_navigation(context: Context, access: Access) -> dict[str, list[NavigationItem]]:
    """Renders the navigation. Needs the request in the context."""
    return {"nav": items(access, context["request"].path)}
