"""The page of what ends when: one picture, and one table that it can be narrowed by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from credentials.models import Ending
from credentials.models.ending import Mend
from credentials.services import expiry as service
from credentials.services.describe import type_of
from credentials.services.expiry import EDGES, SPANS, Column, Query
from credentials.services.notices import mending_path
from organizations.access import Access, in_organization
from organizations.policies import Action

# The picture: what has ended stands left of the axis, what ends later than a year right of it; each takes 8 %.
APART = 8.0
HIGH = 88  # pixels of the highest column
LOW = 6  # pixels of the lowest one that is not empty
TICKS = {0: "now", 1: "1 d", 7: "7 d", 30: "30 d", 90: "90 d", 365: "1 y"}
SOON, NEAR = 7, 30


@dataclass(frozen=True)
class Bar:
    """One column of the picture; `x` and `width` are percent, `height` and `y` pixels."""

    x: str
    width: str
    y: int
    height: int
    tone: str
    says: str


@dataclass(frozen=True)
class Tick:
    x: str
    label: str
    anchor: str


@dataclass(frozen=True)
class Row:
    """One line of the table, and the button that mends it."""

    name: str
    url: str
    type_label: str
    what: str
    ends_at: datetime
    tone: str
    word: str
    mend: str
    mend_url: str
    posts: bool


class Filters(forms.Form):
    """What to show and in which order; what is not understood shows everything."""

    within = forms.ChoiceField(
        label="Ends",
        required=False,
        choices=[
            ("", "At any time"),
            ("0", "Has ended"),
            *((str(days), f"Within {days} days" if days < 365 else "Within a year") for days in SPANS),
        ],
    )
    sort = forms.ChoiceField(
        label="Sort by", required=False, choices=[("soonest", "Soonest first"), ("latest", "Latest first")]
    )

    def query(self, after: str) -> Query:
        self.is_valid()
        within = self.cleaned_data.get("within")
        latest_first = self.cleaned_data.get("sort") == "latest"
        return Query(within=int(within) if within else None, latest_first=latest_first, after=after)


@never_cache
@require_safe
@in_organization(Action.SEE_CREDENTIALS)
def expiry(request: HttpRequest, access: Access) -> HttpResponse:
    filters = Filters(request.GET or {"sort": "soonest"})
    query = filters.query(request.GET.get("after", ""))
    columns, page = service.columns(access), service.page(access, query)
    kept = {name: value for name, value in request.GET.items() if name != "after"}
    context = {
        "access": access,
        "filters": filters,
        "is_filtered": query.within is not None,
        "total": sum(column.count for column in columns),
        "bars": bars(columns),
        # "now" stands left of its line: on a narrow screen the first day begins right beside it.
        "ticks": [Tick(percent(place(days)), label, "middle" if days else "end") for days, label in TICKS.items()],
        "sums": sums(columns),
        "page": {
            "rows": [row(each) for each in page.rows],
            "next_url": f"?{urlencode({**kept, 'after': page.after})}" if page.after else "",
            "previous_url": f"{request.path}?{urlencode(kept)}" if query.after else "",
        },
        "can_manage": access.may(Action.MANAGE_CREDENTIALS),
        "webhook_url": reverse("credentials:webhook", args=[access.organization.pk])
        if access.may(Action.MANAGE_WEBHOOKS)
        else "",
        "notices_url": reverse("credentials:notices", args=[access.organization.pk])
        if access.may(Action.MANAGE_CREDENTIALS)
        else "",
    }
    return render(request, "credentials/expiry.html", context)


def place(days: float) -> float:
    """Where a day stands on the axis, in percent of the picture: days close at hand have more room than far ones."""
    return APART + (100 - 2 * APART) * math.log1p(days) / math.log1p(EDGES[-1])


def percent(value: float) -> str:
    return f"{value:.2f}%"


def bars(columns: Sequence[Column]) -> list[Bar]:
    highest = max((column.count for column in columns), default=0)
    return [bar(column, highest) for column in columns if column.count]


def bar(column: Column, highest: int) -> Bar:
    if column.since is None:
        left, right = 0.0, APART
    elif column.until is None:
        left, right = 100 - APART, 100.0
    else:
        left, right = place(column.since), place(column.until)
    height = max(LOW, round(HIGH * column.count / highest))
    gap = 0.3
    return Bar(
        x=percent(left + gap),
        width=percent(right - left - 2 * gap),
        y=HIGH - height,
        height=height,
        tone=tone_of(column.until),
        says=f"{span(column)}: {column.count}",
    )


def span(column: Column) -> str:
    if column.since is None:
        return "has ended"
    if column.until is None:
        return "in more than a year"
    return f"in {column.since} to {column.until} days"


def tone_of(days: float | None) -> str:
    """`bad` for what has ended or does within a week, `warn` within a month, else `ok`."""
    if days is None or days > NEAR:
        return "ok"
    return "warn" if days > SOON else "bad"


def sums(columns: Sequence[Column]) -> list[tuple[str, int, str, str]]:
    """The picture in words: (words, how many, tone, what narrows the table to it)."""

    def between(since: int, until: int) -> int:
        return sum(
            each.count
            for each in columns
            if each.since is not None and each.until is not None and since <= each.since and each.until <= until
        )

    return [
        ("ended", columns[0].count, "bad", "?within=0"),
        ("within 7 days", between(0, SOON), "bad", f"?within={SOON}"),
        ("after that, within 30 days", between(SOON, NEAR), "warn", f"?within={NEAR}"),
        ("later", between(NEAR, EDGES[-1]) + columns[-1].count, "ok", "?sort=latest"),
    ]


def row(ending: Ending) -> Row:
    left = (ending.ends_at - timezone.now()).total_seconds() / 86400
    tone = tone_of(left)
    word = "Ended" if left <= 0 else "Ends soon" if left <= NEAR else "Valid"
    path = mending_path(ending)
    if ending.credential is None:
        name = ending.service_token.name if ending.service_token else ""
        return Row(name, path, "", ending.what, ending.ends_at, tone, word, "Service tokens", path, False)
    where = [ending.organization_id, ending.credential.pk]
    posts = ending.mend == Mend.AUTHORIZE
    return Row(
        name=ending.credential.name,
        url=reverse("credentials:detail", args=where),
        type_label=type_of(ending.credential),
        what=ending.what,
        ends_at=ending.ends_at,
        tone=tone,
        word=word,
        mend=Mend(ending.mend).label,
        mend_url=reverse("credentials:authorize", args=where) if posts else path,
        posts=posts,
    )
