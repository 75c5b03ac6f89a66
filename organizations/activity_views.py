"""The activity of an organization: to read page by page, and to take along as a file."""

from urllib.parse import urlencode

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from organizations import activity as log
from organizations import audit
from organizations.access import Access, in_organization
from organizations.audit_export import FORMATS
from organizations.forms import ActivityFilter
from organizations.pages import PAGE_SIZE
from organizations.policies import Action


@require_safe
@in_organization(Action.SEE_ACTIVITY)
def activity(request: HttpRequest, access: Access) -> HttpResponse:
    """Who did what, newest first; the filter and the place are in the address."""
    chosen = ActivityFilter(request.GET.dict(), access.organization)
    entries = log.newest_first(access.organization, chosen.criteria, before=chosen.chosen_before, limit=PAGE_SIZE + 1)
    shown, more = entries[:PAGE_SIZE], len(entries) > PAGE_SIZE
    context = {
        "access": access,
        "form": chosen,
        "is_filtered": bool(chosen.kept),
        "query": urlencode(chosen.kept),
        "page": {
            "rows": shown,
            "next_url": f"?{urlencode({**chosen.kept, 'before': shown[-1].position})}" if more else "",
            "previous_url": f"{request.path}?{urlencode(chosen.kept)}" if chosen.chosen_before else "",
        },
    }
    return render(request, "organizations/activity.html", context)


@require_safe
@never_cache
@in_organization(Action.SEE_ACTIVITY)
def export(request: HttpRequest, access: Access, form: str) -> HttpResponseBase:
    """Everything that the filters let through, oldest first, as a file. That it was taken along is in the log."""
    if form not in FORMATS:
        raise Http404
    content_type, lines = FORMATS[form]
    criteria = ActivityFilter(request.GET.dict(), access.organization).criteria
    with transaction.atomic():
        details = {"format": form, **criteria.as_details()}
        entry = audit.record(access.organization, access.actor, "activity.exported", details=details)
    entries = log.oldest_first(access.organization, criteria, up_to=entry.position)
    name = f"activity-{timezone.now():%Y-%m-%d}.{form}"
    return StreamingHttpResponse(
        lines(entries),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
