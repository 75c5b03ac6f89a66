"""A page of an organization's credentials: filtered, sorted, and found by a key instead of an offset.

What it costs does not grow with the organization. Matches are counted up to `MOST`. Where there are fewer, the indexes
of the filters find them and they are sorted. Where there are more, the index of the order is walked, and what does not
match is left out on the way: in an organization of a hundred thousand, every hundredth row does.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OrderBy, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower, StrIndex
from django.utils import timezone

from credentials.models import ApiIntegration, Credential, Domain, OAuthToken
from credentials.models.credential import Status
from credentials.services.name_search import candidates_by_name
from organizations.models import Organization

PAGE = 25
MOST = 1000  # matches that are counted
EXPIRING_WITHIN = timedelta(days=7)
EXPIRING = "expiring"
# Sort name -> (column, descending). The id breaks ties, so that a page begins where the one before ended.
# Names as a person reads a list: "apple" before "Zebra". The index behind it is the one that keeps names unique.
SORTS: Mapping[str, tuple[str, bool]] = {
    "name": ("lower_name", False),
    "-name": ("lower_name", True),
    "newest": ("created_at", True),
    "oldest": ("created_at", False),
    "used": ("last_used_at", True),
    "unused": ("last_used_at", False),
}
NULLABLE = "last_used_at"  # what was never used counts as used before everything else
MOMENTS = ("created_at", "last_used_at")
# A list opens no secret, so none leaves the database for it.
SEALED = ("secrets", "token__access_token", "token__refresh_token")

Mark = tuple[Any, UUID]


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
    """`total` counts what matches, up to `MOST`; `is_more` says that there is more than that.

    `uses` has the number of integrations and domains of each row that anything uses.
    """

    rows: Sequence[Credential]
    uses: Mapping[UUID, int]
    after: str
    before: str
    total: int
    is_more: bool


def page(organization: Organization, query: Query) -> Page:
    """One page. The rows come with their token, and without what is sealed."""
    column, _ = SORTS.get(query.sort, SORTS["name"])
    found = matching(organization, query, among=candidates(organization, query))
    total = found.values("pk")[: MOST + 1].count()
    if total > MOST:
        found = matching(organization, query, hides_filters=True)
    by_order = total > MOST or not (query.text or query.kind or query.status)
    ids, has_previous, has_next = stretch(found.alias(place=F(column) if by_order else hidden(column)), query)
    rows = read(ids)
    return Page(
        rows=rows,
        uses=uses_of(rows),
        after=key(rows[-1], column) if rows and has_next else "",
        before=key(rows[0], column) if rows and has_previous else "",
        total=min(total, MOST),
        is_more=total > MOST,
    )


def stretch(found: QuerySet[Credential], query: Query) -> tuple[list[UUID], bool, bool]:
    """The ids of the page, and whether there are rows before and after them."""
    column, descending = SORTS.get(query.sort, SORTS["name"])
    mark = read_key(query.before or query.after, column)
    backwards = bool(mark and query.before)
    ids: list[UUID] = []
    for part in parts(found, mark, nullable=column == NULLABLE, descending=descending != backwards):
        ids += part.values_list("pk", flat=True)[: PAGE + 1 - len(ids)]
        if len(ids) > PAGE:
            break
    if mark and not ids:
        # What lay beyond the key is gone; an empty page would look like an empty list.
        return stretch(found, replace(query, after="", before=""))
    more, ids = len(ids) > PAGE, ids[:PAGE]
    if backwards:
        ids.reverse()
    return ids, (more if backwards else bool(mark)), backwards or more


def parts(
    found: QuerySet[Credential], mark: Mark | None, *, nullable: bool, descending: bool
) -> Sequence[QuerySet[Credential]]:
    """What lies beyond the mark, in the order of (place, id), as ranges of which each begins somewhere in one index."""
    sign, comparison = ("-", "lt") if descending else ("", "gt")
    ordered = found.order_by(OrderBy(F("place"), descending=descending), f"{sign}id")
    if not nullable:
        return [ordered.filter(beyond(mark, comparison)) if mark else ordered]
    ever = ordered.filter(Q(place__isnull=False))
    never = found.filter(Q(place__isnull=True)).order_by(f"{sign}id")
    if mark is None:
        return [ever, never] if descending else [never, ever]
    if mark[0] is None:
        never = never.filter(**{f"id__{comparison}": mark[1]})
        return [never] if descending else [never, ever]
    ever = ever.filter(beyond(mark, comparison))
    return [ever, never] if descending else [ever]


def beyond(mark: tuple[Any, UUID], comparison: str, column: str = "place") -> Q:
    """Rows on the far side of a key, in the order of (column, id). An index serves the first condition."""
    value, row_id = mark
    return Q(**{f"{column}__{comparison}e": value}) & (
        Q(**{f"{column}__{comparison}": value}) | Q(**{f"id__{comparison}": row_id})
    )


def read(ids: Sequence[UUID]) -> Sequence[Credential]:
    """The rows in the order of their ids."""
    found = Credential.objects.annotate(lower_name=Lower("name")).select_related("token").defer(*SEALED).in_bulk(ids)
    return [found[each] for each in ids if each in found]


def uses_of(rows: Sequence[Credential]) -> Mapping[UUID, int]:
    """In a query of its own: joined, it would count for every row that matches."""
    integrations, domains = (
        users.objects.filter(credential__in=rows).order_by().values_list("credential").annotate(Count("pk"))
        for users in (ApiIntegration, Domain)
    )
    counted: Counter[UUID] = Counter()
    for credential_id, count in integrations.union(domains, all=True):
        counted[credential_id] += count
    return counted


def matching(
    organization: Organization, query: Query, *, among: Q | None = None, hides_filters: bool = False
) -> QuerySet[Credential]:
    """What is looked for. `among`: a few rows among which all of it is known to be, so that only these are read.

    SQLite does not know how many rows a filter leaves, and would sort them all rather than walk the index of the order:
    `hides_filters` leaves it no choice. PostgreSQL knows, except of a part of a name.
    """
    seen = hidden if hides_filters and connection.vendor == "sqlite" else F
    # SQLite takes an organization for smaller than a list of ids, and would read all of it.
    owner = F("organization") if among is None else hidden("organization")
    found = Credential.objects.alias(lower_name=Lower("name"), owner=owner, of_kind=seen("kind"))
    found = found.alias(in_status=seen("status")).filter(owner=organization.pk)
    if among is not None:
        found = found.filter(among)
    if query.text and hides_filters:
        found = found.alias(found_at=StrIndex("lower_name", Lower(Value(query.text)))).filter(found_at__gt=0)
    elif query.text:
        found = found.filter(lower_name__contains=Lower(Value(query.text)))
    if query.kind:
        found = found.filter(of_kind=query.kind)
    return found.filter(with_status(query.status)) if query.status else found


def hidden(column: str) -> Coalesce:
    """The column, where no index can be used for it."""
    return Coalesce(column, column)


def candidates(organization: Organization, query: Query) -> Q | None:
    """A few rows among which everything that matches is, for what no single index of the rows answers; else None."""
    if query.text and (named := candidates_by_name(organization.pk, query.text, most=MOST)) is not None:
        return Q(pk__in=named)
    if query.status == EXPIRING:
        return expiring(organization)
    return failed(organization) if query.status == Status.FAILED else None


def expiring(organization: Organization) -> Q | None:
    """What may be expiring: two indexes know it, and no planner asks both. None where it is much."""
    ending = Credential.objects.filter(organization=organization, expires_at__lt=timezone.now() + EXPIRING_WITHIN)
    failing = OAuthToken.objects.filter(organization=organization, failures__gt=0, refresh_at__isnull=False)
    ids = {pk for rows in (ending, failing) for pk in rows.values_list("pk", flat=True)[: MOST + 1]}
    return Q(pk__in=ids) if len(ids) <= MOST else None


def failed(organization: Organization) -> Q:
    """What has failed or was deactivated: two indexes know it, and SQLite asks neither for the one or the other."""
    rows = Credential.objects.filter(organization=organization).values("pk")
    has_failed, is_deactivated = rows.filter(status=Status.FAILED), rows.filter(deactivated_at__isnull=False)
    return Q(pk__in=has_failed[: MOST + 1]) | Q(pk__in=is_deactivated[: MOST + 1])


def with_status(status: str) -> Q:
    """On rows with `in_status`. *Expiring* is an active credential whose end is near or whose renewal is failing."""
    soon = timezone.now() + EXPIRING_WITHIN
    # A credential without a token has no failures; NOT over the empty join would lose it.
    failing = Q(token__failures__gt=0, token__refresh_at__isnull=False)
    active = Q(in_status=Status.ACTIVE, deactivated_at=None)
    if status == EXPIRING:
        return active & (Q(expires_at__lt=soon) | failing)
    if status == Status.ACTIVE:
        alive = Q(expires_at__isnull=True) | Q(expires_at__gte=soon)
        sound = Q(token__isnull=True) | Q(token__failures=0) | Q(token__refresh_at__isnull=True)
        return active & alive & sound
    if status == Status.FAILED:
        return Q(in_status=status) | Q(deactivated_at__isnull=False)
    return Q(in_status=status, deactivated_at=None)


def key(row: Credential, column: str) -> str:
    value = getattr(row, column)
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return urlsafe_b64encode(f"{row.pk.hex}{text}".encode()).decode().rstrip("=")


def read_key(text: str, column: str) -> Mark | None:
    """The opposite of `key`; None for anything else, which then shows the first page."""
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().replace("\x00", "")
        if not plain:
            return None
        row_id, value = UUID(hex=plain[:32]), plain[32:]
        if column not in MOMENTS:
            return value, row_id
        return (None if column == NULLABLE and not value else moment(value)), row_id
    except (ValueError, OverflowError):
        return None


def moment(text: str) -> datetime:
    """A moment with its offset. Raises `ValueError`, and `OverflowError` where it has no date in UTC."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("A moment without its offset is none.")
    return value.astimezone(UTC)
