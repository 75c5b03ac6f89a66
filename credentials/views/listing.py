"""The list of an organization's credentials. What is searched, filtered and sorted stands in the address."""

from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from credentials.models.credential import Status
from credentials.services.listing import EXPIRING, Page, Query, page
from credentials.types.registry import rooms
from credentials.views.presentation import present
from organizations.access import Access, in_organization
from organizations.policies import Action


class Filters(forms.Form):
    """Search, type, status and order."""

    q = forms.CharField(label="Search", required=False, max_length=255, widget=forms.SearchInput)
    type = forms.ChoiceField(label="Type", required=False)
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[("", "All"), (Status.ACTIVE, "Active"), (EXPIRING, "Expiring"), *Status.choices[1:]],
    )
    sort = forms.ChoiceField(
        label="Sort by",
        required=False,
        choices=[
            ("name", "Name, A to Z"),
            ("-name", "Name, Z to A"),
            ("newest", "Newest"),
            ("oldest", "Oldest"),
            ("used", "Recently used"),
            ("unused", "Longest unused"),
        ],
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        kinds = self.fields["type"]
        assert isinstance(kinds, forms.ChoiceField)  # noqa: S101
        kinds.choices = [("", "All"), *((room.kind, room.label) for room in rooms())]

    def query(self, request: HttpRequest) -> Query:
        """What is not understood is left out: an address that somebody mangled still shows a list."""
        self.is_valid()
        said = self.cleaned_data
        return Query(
            text=(said.get("q") or "").replace("\x00", ""),
            kind=said.get("type") or "",
            status=said.get("status") or "",
            sort=said.get("sort") or "name",
            after=request.GET.get("after", ""),
            before=request.GET.get("before", ""),
        )


@require_safe
@in_organization(Action.SEE_CREDENTIALS)
def listing(request: HttpRequest, access: Access) -> HttpResponse:
    filters = Filters(request.GET or {"sort": "name"})
    query = filters.query(request)
    found = page(access.organization, query)
    context = {
        "access": access,
        "page": {
            "rows": [present(access, row, used_by=found.uses.get(row.pk, 0)) for row in found.rows],
            "total": found.total,
            "is_more": found.is_more,
            "total_words": f"{found.total:,}",
            **addresses(request, found),
        },
        "filters": filters,
        "is_filtered": bool(query.text or query.kind or query.status),
        "add_url": reverse("credentials:add", args=[access.organization.pk]),
        "can_manage": access.may(Action.MANAGE_CREDENTIALS),
    }
    response = render(request, "credentials/list.html", context)
    if request.headers.get("HX-Request"):
        # The address that a person may share, without the fields of the form that say nothing.
        response["HX-Push-Url"] = f"{request.path}?{urlencode(chosen(request))}".rstrip("?")
    return response


def chosen(request: HttpRequest) -> dict[str, str]:
    """What the address says of the search, the filters and the order."""
    usual = {"q": "", "type": "", "status": "", "sort": "name"}
    return {name: said for name, otherwise in usual.items() if (said := request.GET.get(name, otherwise)) != otherwise}


def addresses(request: HttpRequest, found: Page) -> dict[str, str]:
    """The addresses of the neighbouring pages, with everything else as it is."""
    kept = chosen(request)
    return {
        "next_url": f"?{urlencode({**kept, 'after': found.after})}" if found.after else "",
        "previous_url": f"?{urlencode({**kept, 'before': found.before})}" if found.before else "",
    }
