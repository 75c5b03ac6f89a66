"""Claim the leases of several due tokens at once, and write down that their renewals begin: one transaction for all."""

import functools
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from credentials.models import Credential, OAuthToken, TokenAttempt, TokenEndpoint
from credentials.models.endpoint import place_of
from credentials.models.leased import AttemptState, Grant
from credentials.services import bulkhead, endpoints
from credentials.services.breaker import Held, pass_or_hold
from credentials.services.due import Due
from credentials.services.endpoints import NONE_UNDER_WAY, UnderWay
from credentials.services.journal import host_of, token_endpoint
from credentials.services.lease import LEASE, Lease
from credentials.types.registry import UnknownType, room
from organizations.sql import prepared, recordset
from organizations.sql.columns import Columns, rows_of, selected, table_of

UNFINISHED = (AttemptState.STARTED, AttemptState.ANSWERED)
RENEWING = (Grant.REFRESH_TOKEN, Grant.CLIENT_CREDENTIALS)
_TOKEN, _CREDENTIAL = Columns(OAuthToken, "token"), Columns(Credential, "credential")


@dataclass(frozen=True)
class Claimed:
    """A token under its lease. `attempt` is None where something has to be looked into first.

    `careful`: it holds a thread at a provider that is not trusted to be quick.
    `made`: when (`time.monotonic()`).
    """

    token: OAuthToken
    lease: Lease
    endpoint: TokenEndpoint
    attempt: TokenAttempt | None
    careful: bool
    made: float = field(default_factory=time.monotonic)


@dataclass
class Threads:
    """How many threads of this process may be with one host, and with hosts that are not trusted to be quick.

    Of the latter `careful` in all and `of_organization` for one organization. The rest is kept for others, and no
    organization can take all of it, however many providers of its hang.
    """

    of_host: int
    careful: int
    of_organization: int
    at_host: Counter[str] = field(default_factory=Counter)
    of: Counter[UUID] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, host: str, organization_id: UUID, *, careful: bool) -> bool:
        with self._lock:
            if self.at_host[host] >= self.of_host:
                return False
            if careful and (self.of.total() >= self.careful or self.of[organization_id] >= self.of_organization):
                return False
            self.at_host[host] += 1
            self.of[organization_id] += careful
            return True

    def give_back(self, host: str, organization_id: UUID, *, careful: bool) -> None:
        """By a thread that has ended its call; another may be in the middle of a claim."""
        with self._lock:
            self.at_host[host] -= 1
            self.of[organization_id] -= careful
            # Without those that have none.
            self.at_host += Counter()
            self.of += Counter()


@dataclass
class Choice:
    """What can begin now, and what has to wait for room."""

    chosen: list[Due] = field(default_factory=list)
    careful: set[UUID] = field(default_factory=set)
    later: list[Due] = field(default_factory=list)


def claim(rows: Sequence[Due], wanted: int, threads: Threads) -> tuple[list[Claimed], list[Due]]:
    """At most `wanted` of `rows`, which are due and have an endpoint; and those for which there was no room."""
    # Before the database's clock is read: the lease must never be thought to last longer than it does.
    claimed_at = time.monotonic()
    choice = Choice()
    try:
        with transaction.atomic():
            of_endpoint, now = endpoints.locked(row.endpoint_id for row in rows if row.endpoint_id is not None)
            there = endpoints.under_way(now)
            choose(rows, wanted, choice, of_endpoint, there, threads, now)
            tokens, unfinished = take_leases([row.token_id for row in choice.chosen], list(of_endpoint), now)
            attempts = begin([token for token in tokens if token.pk not in unfinished], of_endpoint, now)
    except BaseException:
        for row in choice.chosen:
            threads.give_back(row.host, row.organization_id, careful=row.token_id in choice.careful)
        raise
    won = {token.pk for token in tokens}
    for row in choice.chosen:
        if row.token_id not in won:
            threads.give_back(row.host, row.organization_id, careful=row.token_id in choice.careful)
    return [
        Claimed(
            token,
            Lease(OAuthToken, token.pk, token.generation, token.lease_owner, claimed_at),
            of_endpoint[token.endpoint_id or 0],
            attempts.get(token.pk),
            token.pk in choice.careful,
        )
        for token in tokens
    ], choice.later


def choose(
    rows: Sequence[Due],
    wanted: int,
    choice: Choice,
    of_endpoint: Mapping[int, TokenEndpoint],
    there: Mapping[str, UnderWay],
    threads: Threads,
    now: datetime,
) -> None:
    """Fill `choice`. What is held back by a breaker is in neither list: the next plan has its probe."""
    begun: Counter[str] = Counter()
    for row in rows:
        endpoint = of_endpoint.get(row.endpoint_id or 0)
        if endpoint is None:
            continue
        under_way = there.get(endpoint.host, NONE_UNDER_WAY)
        careful = not bulkhead.is_trusted(endpoint, under_way)
        if len(choice.chosen) == wanted or begun[endpoint.host] >= bulkhead.room_at(endpoint, under_way):
            choice.later.append(row)
            continue
        if not threads.take(row.host, row.organization_id, careful=careful):
            choice.later.append(row)
            continue
        try:
            pass_or_hold(endpoint, row.token_id, now)
        except Held:
            threads.give_back(row.host, row.organization_id, careful=careful)
            continue
        begun[endpoint.host] += 1
        choice.chosen.append(row)
        if careful:
            choice.careful.add(row.token_id)


def take_leases(
    token_ids: Sequence[UUID], endpoint_ids: Sequence[int], now: datetime
) -> tuple[list[OAuthToken], set[UUID]]:
    """Those of the tokens that are still due, free and of these endpoints, as they are now that nobody can change them.

    And for which of them an attempt was left unfinished.
    """
    owner = secrets.token_hex(16)
    claim = [owner, now + LEASE, list(token_ids), list(endpoint_ids), now, now]
    if not token_ids or not prepared.change(_take(), claim):
        return [], set()
    tokens, unfinished = [], set()
    for found in prepared.rows(_taken(), [*map(str, (*RENEWING, *UNFINISHED)), owner, list(token_ids)]):
        token, token.credential = rows_of(found, _TOKEN, _CREDENTIAL)
        tokens.append(token)
        if found[-1]:
            unfinished.add(token.pk)
    return tokens, unfinished


@functools.cache
def _take() -> str:
    return (
        f"UPDATE {table_of(OAuthToken)} SET lease_owner = %s, lease_until = %s "  # noqa: S608
        f"WHERE credential_id {prepared.among()} AND endpoint_id {prepared.among()} "
        "AND (lease_until IS NULL OR lease_until < %s) AND refresh_at <= %s"
    )


@functools.cache
def _taken() -> str:
    return (
        f"SELECT {selected(_TOKEN, _CREDENTIAL)}, EXISTS ("  # noqa: S608
        f"SELECT 1 FROM {table_of(TokenAttempt)} AS begun WHERE begun.token_id = token.credential_id "
        "AND begun.generation = token.generation AND begun.finished_at IS NULL AND begun.authorization_id IS NULL "
        'AND begun."grant" IN (%s, %s) AND begun.state IN (%s, %s)) '
        f"FROM {_TOKEN.table} JOIN {_CREDENTIAL.table} ON credential.id = token.credential_id "
        f"WHERE token.lease_owner = %s AND token.credential_id {prepared.among()}"
    )


def begin(
    tokens: Sequence[OAuthToken], of_endpoint: Mapping[int, TokenEndpoint], now: datetime
) -> Mapping[UUID, TokenAttempt]:
    """Attempts for those that come from where they did the last time."""
    attempts = {
        token.pk: TokenAttempt(
            token=token,
            organization_id=token.organization_id,
            grant=Grant.REFRESH_TOKEN if token.refresh_token else Grant.CLIENT_CREDENTIALS,
            generation=token.generation,
            host=host_of(token_endpoint(token.credential)),
            started_at=now,
        )
        for token in tokens
        if comes_from(token, of_endpoint[token.endpoint_id or 0])
    }
    recordset.insert_all(list(attempts.values()))
    return attempts


def put_back(claimed: Sequence[Claimed]) -> None:
    """Undo claims of which nothing was sent: the tokens are as due as before."""
    if not claimed:
        return
    begun = [each.attempt.pk for each in claimed if each.attempt is not None]
    mine = OAuthToken.objects.filter(pk__in=[each.token.pk for each in claimed])
    with transaction.atomic():
        mine.filter(lease_owner__in={each.lease.owner for each in claimed}).update(lease_owner="", lease_until=None)
        TokenAttempt.objects.filter(pk__in=begun, state=AttemptState.STARTED).delete()


def comes_from(token: OAuthToken, endpoint: TokenEndpoint) -> bool:
    """Whether it can be renewed, and there; an edit may have changed both, and staff may have deactivated it."""
    credential = token.credential
    if credential.deactivated_at is not None:
        return False
    try:
        life_cycle = room(credential.kind).life_cycle
    except UnknownType:
        return False
    return (
        life_cycle is not None
        and life_cycle.can_renew(credential.payload, has_refresh_token=bool(token.refresh_token))
        and place_of(life_cycle.endpoint(credential.payload))[0] == endpoint.digest
    )
