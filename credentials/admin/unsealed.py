"""Rows with secrets, without them."""

from http import HTTPStatus
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse

from organizations import group_commit
from organizations.admin_pages import ReadOnlyAdmin, staff
from organizations.audit import NewEntry, chain_of


class UnsealedAdmin(ReadOnlyAdmin):
    """Shows what it names. A sealed field is never named: not even its envelope is of use to anybody.

    Who looks at a row is in the log: it tells which secrets there are.
    """

    show_full_result_count = False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().change_view(request, object_id, form_url, extra_context)
        row = self.get_object(request, unquote(object_id)) if answer.status_code == HTTPStatus.OK else None
        if row is not None:
            told = NewEntry(staff(request), "staff.viewed", str(row._meta.model_name), str(row.pk), str(row))
            group_commit.append(chain_of(getattr(row, "organization", None)), [told])
        return answer
