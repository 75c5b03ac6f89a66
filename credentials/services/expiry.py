"""What of an organization ends when: the figures of the picture, and a page of the table. Two queries, however much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from credentials.models import Ending
from credentials.models.clock import database_now
from credentials.services.listing import beyond, moment
from organizations.access import Access
from organizations.policies import Action

PAGE = 50
# The columns of the picture: up to so many days from now. Close at hand they are days, far off they are months.
EDGES = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)
SPANS = (7, 30, 90, 365)  # what a person can narrow the table to, in days; 0 is what has ended


@dataclass(frozen=True)
class Column:
    """How much ends between two moments, in days from now. `until` None: any time after; `since` None: it has ended."""

    since: int | None
    until: int | None
    count: int


@dataclass(frozen=True)
class Query:
    """What a person looks for. `within`: days from now, 0 for what has ended, None for everything."""

    within: int | None = None
    latest_first: bool = False
    after: str = ""


@dataclass(frozen=True)
class Page:
    rows: Sequence[Ending]
    after: str


def of_organization(access: Access) -> QuerySet[Ending]:
    """What this person may see: service tokens are the administrators'. Of revoked ones nothing ends any more."""
    rows = Ending.objects.filter(organization=access.organization)
    if access.may(Action.MANAGE_SERVICE_TOKENS):
        return rows.filter(Q(service_token__isnull=True) | Q(service_token__revoked_at__isnull=True))
    return rows.filter(service_token__isnull=True)


def columns(access: Access) -> list[Column]:
    """What the picture shows, from what has ended to what ends after more than a year."""
    now = database_now()
    edges = [now, *(now + timedelta(days=each) for each in EDGES)]
    counts = {"ended": Count("pk", filter=Q(ends_at__lte=now)), "later": Count("pk", filter=Q(ends_at__gt=edges[-1]))}
    for number, (since, until) in enumerate(pairwise(edges)):
        counts[f"c{number}"] = Count("pk", filter=Q(ends_at__gt=since, ends_at__lte=until))
    found = of_organization(access).aggregate(**counts)
    days = (0, *EDGES)
    between = [Column(days[number], days[number + 1], found[f"c{number}"]) for number in range(len(EDGES))]
    return [Column(None, 0, found["ended"]), *between, Column(EDGES[-1], None, found["later"])]


def page(access: Access, query: Query) -> Page:
    """A page of the table, found by a key: credentials and service tokens loaded."""
    rows = of_organization(access)
    if query.within is not None:
        rows = rows.filter(within(query.within, database_now()))
    mark = read_key(query.after)
    found = rows.filter(beyond(mark, "lt" if query.latest_first else "gt", "ends_at")) if mark else rows
    direction = "-" if query.latest_first else ""
    found = found.select_related("credential", "service_token")
    some = list(found.order_by(f"{direction}ends_at", f"{direction}id")[: PAGE + 1])
    if mark and not some:
        return page(access, replace(query, after=""))
    return Page(some[:PAGE], key(some[PAGE - 1]) if len(some) > PAGE else "")


def within(days: int, now: datetime) -> Q:
    if days == 0:
        return Q(ends_at__lte=now)
    return Q(ends_at__gt=now, ends_at__lte=now + timedelta(days=days))


def key(row: Ending) -> str:
    """Where a page ends, for the address of the next one."""
    return f"{row.ends_at.isoformat()} {row.pk.hex}"


def read_key(text: str) -> tuple[datetime, UUID] | None:
    """The opposite of `key`; None for anything else, which then shows the first page."""
    at, _, row_id = text.rpartition(" ")
    try:
        return moment(at), UUID(hex=row_id)
    except (ValueError, OverflowError):
        return None
