"""How the pages of this application answer: the form again with its errors, or on to the next page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from organizations.access import Access
from organizations.forms import ConfirmForm

PAGE_SIZE = 50
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


def address(name: str, access: Access) -> str:
    """Of a page of the organization, by the name of its path."""
    return reverse(f"organizations:{name}", kwargs={"organization_id": access.organization.pk})


class SeeOther(HttpResponseRedirect):
    """303: what was posted is done; look at it there, with GET."""

    status_code = 303


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Send the whole window there, also out of the dialog, whose requests are made by a script."""
    return HttpResponseClientRedirect(url) if request.headers.get("HX-Request") else SeeOther(url)


def done(request: HttpRequest, message: str, url: str) -> HttpResponse:
    """Say what was done, on the page where it shows."""
    messages.success(request, message)
    return go_to(request, url)


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was posted, be it empty; None when the page is only opened."""
    return request.POST if request.method == "POST" else None


@dataclass(frozen=True)
class Listing:
    """One page of a list, and the addresses of the ones beside it ("" where there is none)."""

    rows: list[Any]
    total: int
    next_url: str
    previous_url: str


def listing(request: HttpRequest, rows: QuerySet[Any], *, shown: Callable[[Any], Any] | None = None) -> Listing:
    """The page that the address asks for with `page`; the nearest one where it asks for nonsense.

    `shown` makes of a row what the template shows of it.
    """
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return Listing(
        rows=[shown(row) for row in page.object_list] if shown else list(page.object_list),
        total=page.paginator.count,
        next_url=f"{request.path}?page={page.next_page_number()}" if page.has_next() else "",
        previous_url=f"{request.path}?page={page.previous_page_number()}" if page.has_previous() else "",
    )


@dataclass(frozen=True)
class FormPage:
    """The words of a page that holds one form."""

    title: str
    button: str
    back: str
    text: str = ""
    danger: bool = False


def accepted(form: forms.Form, use_case: Callable[[], Any]) -> bool:
    """Run a use case on a valid form. What the use case refuses becomes an error at its field, and False."""
    if not form.is_valid():
        return False
    try:
        use_case()
    except ValidationError as error:
        errors = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
        for field, sentences in errors.items():
            form.add_error(field if field in form.fields else None, ValidationError(sentences))
        return False
    return True


def show_form(request: HttpRequest, access: Access, form: forms.Form, page: FormPage) -> HttpResponse:
    """A page of its own, or the content of the dialog. 422 when the form came with errors."""
    context = {"access": access, "form": form, "page": page}
    return render(request, "organizations/form.html", context, status=422 if form.errors else 200)


def confirm(
    request: HttpRequest, access: Access, page: FormPage, use_case: Callable[[], Any], said: str, *, after: str = ""
) -> HttpResponse:
    """A question, whose button runs the use case. `said` then stands on the page `after`, or else on `page.back`."""
    form = ConfirmForm(posted(request))
    if accepted(form, use_case):
        return done(request, said, after or page.back)
    return show_form(request, access, form, page)
