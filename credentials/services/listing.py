"""A page of an organization's credentials: filtered, sorted, and found by a key instead of an offset."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower

from credentials.models import ApiIntegration, Credential, Domain
from credentials.models.clock import database_now
from credentials.models.credential import Status
from organizations.models import Organization

PAGE = 25
EXPIRING_WITHIN = timedelta(days=7)
EXPIRING = "expiring"
# Sort name -> (column, descending). The id breaks ties, so that a page begins where the one before ended.
# Names as a person reads a list: "apple" before "Zebra". The index behind it is the one that keeps names unique.
SORTS: Mapping[str, tuple[str, bool]] = {
    "name": ("lower_name", False),
    "-name": ("lower_name", True),
    "newest": ("created_at", True),
    "oldest": ("created_at", False),
}


@dataclass(frozen=True)
class Query:
    """What a person looks for. `after` and `before` are keys of rows, as `key` makes them."""

    text: str = ""
    kind: str = ""
    status: str = ""
    sort: str = "name"
    after: str = ""
    before: str = ""


@dataclass(frozen=True)
class Page:
    rows: Sequence[Credential]
    after: str
    before: str
    total: int


def page(organization: Organization, query: Query) -> Page:
    """One page. `rows` carry `used_by`, the number of integrations and domains, and their token, creator and editor."""
    found = matching(organization, query)
    column, descending = SORTS.get(query.sort, SORTS["name"])
    mark = read_key(query.before or query.after, column)
    backwards = bool(mark and query.before)
    if mark:
        found = found.filter(beyond(column, mark, lower=descending != backwards))
    direction = "-" if descending != backwards else ""
    rows = list(
        found.select_related("token", "created_by", "updated_by").order_by(f"{direction}{column}", f"{direction}id")[
            : PAGE + 1
        ]
    )
    if mark and not rows:
        # What lay beyond the key is gone; an empty page would look like an empty list.
        return page(organization, replace(query, after="", before=""))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    count_uses(rows)
    has_next = backwards or more
    has_previous = more if backwards else bool(mark)
    return Page(
        rows=rows,
        after=key(rows[-1], column) if rows and has_next else "",
        before=key(rows[0], column) if rows and has_previous else "",
        total=matching(organization, query).count(),
    )


def count_uses(rows: Sequence[Credential]) -> None:
    """Set `used_by` of one page. In queries of their own: joined, they would count for every row that matches."""
    counted: Counter[UUID | None] = Counter()
    for users in (ApiIntegration.objects.filter(credential__in=rows), Domain.objects.filter(credential__in=rows)):
        counted.update(dict(users.order_by().values_list("credential").annotate(Count("pk"))))
    for row in rows:
        row.used_by = counted[row.pk]  # type: ignore[attr-defined]


def matching(organization: Organization, query: Query) -> QuerySet[Credential]:
    found = Credential.objects.filter(organization=organization).annotate(lower_name=Lower("name"))
    if query.text:
        found = found.filter(name__icontains=query.text)
    if query.kind:
        found = found.filter(kind=query.kind)
    if query.status:
        found = found.filter(with_status(query.status))
    return found


def with_status(status: str) -> Q:
    """*Expiring* is an active credential whose end is near or whose renewal is failing."""
    ends_soon = Q(expires_at__lt=database_now() + EXPIRING_WITHIN)
    # A credential without a token has no failures; NOT over the empty join would lose it.
    failing = Q(token__failures__gt=0, token__refresh_at__isnull=False)
    active = Q(status=Status.ACTIVE)
    deactivated = Q(deactivated_at__isnull=False)
    if status == Status.FAILED:
        return Q(status=status) | deactivated
    if status == EXPIRING:
        return active & (ends_soon | failing) & ~deactivated
    if status == Status.ACTIVE:
        alive = Q(expires_at__isnull=True) | Q(expires_at__gte=database_now() + EXPIRING_WITHIN)
        sound = Q(token__isnull=True) | Q(token__failures=0) | Q(token__refresh_at__isnull=True)
        return active & alive & sound & ~deactivated
    return Q(status=status) & ~deactivated


def beyond(column: str, mark: tuple[Any, UUID], *, lower: bool) -> Q:
    """Rows on the far side of a key, in the order of (column, id). An index serves the first condition."""
    value, row_id = mark
    comparison = "lt" if lower else "gt"
    return Q(**{f"{column}__{comparison}e": value}) & (
        Q(**{f"{column}__{comparison}": value}) | Q(**{f"id__{comparison}": row_id})
    )


def key(row: Credential, column: str) -> str:
    value = getattr(row, column)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return urlsafe_b64encode(f"{row.pk.hex}{text}".encode()).decode().rstrip("=")


def read_key(text: str, column: str) -> tuple[Any, UUID] | None:
    """The opposite of `key`; None for anything else, which then shows the first page."""
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().replace("\x00", "")
        if not plain:
            return None
        value = moment(plain[32:]) if column == "created_at" else plain[32:]
        return value, UUID(hex=plain[:32])
    except (ValueError, OverflowError):
        return None


def moment(text: str) -> datetime:
    """A moment with its offset. Raises `ValueError`, and `OverflowError` where it has no date in UTC."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("A moment without its offset is none.")
    return value.astimezone(UTC)
