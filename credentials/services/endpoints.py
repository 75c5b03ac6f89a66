"""The rows of token endpoints: found by address, made where there is none, counted by host."""

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from credentials.models import ConsumerToken, OAuthToken, TokenEndpoint
from credentials.models.clock import database_now
from credentials.models.endpoint import place_of
from credentials.services.lease import LEASE
from organizations.sql import prepared
from organizations.sql.columns import Columns, rows_of, selected

TOKENS = (OAuthToken, ConsumerToken)
_ASKED = Columns(TokenEndpoint, "asked")


def found(url: str, *, lock: bool = False) -> TokenEndpoint:
    """The row of an address. `lock`: until the end of the caller's transaction."""
    digest, host = place_of(url)
    rows = TokenEndpoint.objects.filter(digest=digest)
    if lock:
        # The weaker lock: tokens that begin to refer to it need not wait.
        rows = rows.select_for_update(no_key=True)
    endpoint = rows.first()
    if endpoint is None:
        # Two at once: the second waits here for the first, and then finds its row.
        TokenEndpoint.objects.bulk_create([TokenEndpoint(digest=digest, host=host)], ignore_conflicts=True)
        endpoint = rows.get()
    return endpoint


def locked(ids: Iterable[int]) -> tuple[Mapping[int, TokenEndpoint], datetime]:
    """Several rows, locked in one order by everybody until the end of the caller's transaction; and the time then."""
    found = prepared.rows(_lock(), [sorted(set(ids))])
    read_at = max((row[-1] for row in found if row[-1]), default=None) or database_now()
    endpoints = [endpoint for row in found for endpoint in rows_of(row, _ASKED)]
    for endpoint in endpoints:
        endpoint.read_at = read_at
    return {endpoint.pk: endpoint for endpoint in endpoints}, read_at


@functools.cache
def _lock() -> str:
    # Outside of what is locked, so that the clock is read after the wait for it.
    clock = "clock_timestamp()" if connection.vendor == "postgresql" else "NULL"
    return (
        f"SELECT asked.*, {clock} FROM (SELECT {selected(_ASKED)} FROM {_ASKED.table} "  # noqa: S608
        f"WHERE asked.id {prepared.among()} ORDER BY asked.id {prepared.for_no_key_update('asked')}) AS asked"
    )


class UnderWay(NamedTuple):
    """Requests to a host that have not ended: how many, and how many of them hang."""

    calls: int
    slow: int


NONE_UNDER_WAY = UnderWay(0, 0)
# A request that takes longer than this holds a thread that somebody else could use.
SLOW = timedelta(seconds=2)


def under_way(now: datetime) -> Mapping[str, UnderWay]:
    """By host, from the live leases, which every process sees."""
    found = prepared.rows(_under_way(), [now + LEASE - SLOW, *[now] * len(TOKENS)])
    return {host: UnderWay(calls, slow) for host, calls, slow in found}


@functools.cache
def _under_way() -> str:
    live = " UNION ALL ".join(
        f"SELECT endpoint_id, lease_until FROM {model._meta.db_table} WHERE lease_until >= %s"  # noqa: S608
        for model in TOKENS
    )
    return (
        "SELECT host, count(*), sum(CASE WHEN lease_until < %s THEN 1 ELSE 0 END) "  # noqa: S608
        f"FROM ({live}) AS live JOIN {TokenEndpoint._meta.db_table} AS asked ON asked.id = live.endpoint_id "
        "GROUP BY host"
    )


def organizations_at(endpoint: TokenEndpoint) -> set[UUID]:
    """Whose tokens come from there."""
    ids: set[UUID] = set()
    for model in TOKENS:
        here = model._default_manager.filter(endpoint=endpoint).order_by("organization_id")
        ids.update(here.values_list("organization_id", flat=True).distinct())
    return ids


def has_several_organizations(endpoint: TokenEndpoint) -> bool:
    """From both ends of the index, however many tokens lie between them."""
    ends: set[UUID] = set()
    for model in TOKENS:
        here = model._default_manager.filter(endpoint=endpoint)
        first = here.order_by("organization_id").values_list("organization_id", flat=True).first()
        last = here.order_by("-organization_id").values_list("organization_id", flat=True).first()
        ends |= {each for each in (first, last) if each is not None}
    return len(ends) > 1


def has_several_tokens(endpoint: TokenEndpoint) -> bool:
    return sum(model._default_manager.filter(endpoint=endpoint)[:2].count() for model in TOKENS) > 1
