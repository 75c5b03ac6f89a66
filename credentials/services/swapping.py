"""Put the tokens of an answer in the place of those before, in one write: for one credential or for several at once."""

import functools
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from credentials.models import Credential, OAuthToken, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.leased import Attempt, AttemptState, LeasedToken
from credentials.oauth.answer import DEFAULT_LIFETIME_SECONDS, TokenSet
from credentials.services import endings, schedule
from credentials.services.lease import Lease
from credentials.services.records import entry
from credentials.types.registry import room
from organizations import audit
from organizations.audit import Actor
from organizations.sql import prepared, recordset
from organizations.sql.columns import Columns, rows_of, selected, table_of

# What `swap` changes.
SWAPPED = (
    *("access_token", "refresh_token", "token_type", "scope", "obtained_at", "expires_at", "refresh_at"),
    *("failures", "last_error", "last_error_at", "generation", "lease_owner", "lease_until"),
)

_TOKEN = Columns(OAuthToken, "token")
_CREDENTIAL = Columns(Credential, "credential", but="secrets")


class Gone(Exception):
    """The credential was deleted meanwhile: there is nothing left to ask for or to write down."""


@dataclass(frozen=True)
class Swap:
    """What came of an attempt. With a lease it is a renewal. `heard`: when, on this process's monotonic clock."""

    attempt: TokenAttempt
    tokens: TokenSet
    actor: Actor
    lease: Lease | None = None
    heard: float = field(default_factory=time.monotonic)


def apply_all(swaps: Sequence[Swap]) -> list[bool]:
    """Swap the tokens. False where the generation has moved on: then nothing of that one is changed. Raises `Gone`."""
    with transaction.atomic():
        held = lock_all([each.attempt.token_id for each in swaps])
        now = database_now()
        results: list[bool] = []
        entries: dict[UUID, list[audit.NewEntry]] = defaultdict(list)
        for each in swaps:
            credential, token = held[each.attempt.token_id]
            applied = not (each.lease and has_moved_on(token, each.lease))
            results.append(applied)
            if applied:
                entries[credential.organization_id].append(apply(each, credential, token, now))
        done = [each for each, applied in zip(swaps, results, strict=True) if applied]
        late = [each for each, applied in zip(swaps, results, strict=True) if not applied]
        recordset.update_all([held[each.attempt.token_id][1] for each in done], *SWAPPED)
        for each_state, those, error in ((AttemptState.APPLIED, done, ""), (AttemptState.FAILED, late, "superseded")):
            if those:
                close_all([each.attempt for each in those], each_state, now, error=error)
        if done:
            forget_older([each.attempt.token_id for each in done], now)
        audit.record_all(entries)
    return results


def apply(swapped: Swap, credential: Credential, token: OAuthToken, now: datetime) -> audit.NewEntry:
    """One of them, in rows that are locked; `apply_all` saves the token. What the audit log is to say."""
    tokens = swapped.tokens
    renewal = swapped.lease is not None and bool(token.access_token or token.refresh_token)
    has_refresh_token = bool(tokens.refresh_token) or (renewal and bool(token.refresh_token))
    life_cycle = room(credential.kind).life_cycle
    renews = life_cycle is not None and life_cycle.can_renew(credential.payload, has_refresh_token=has_refresh_token)
    # RFC 6749 §5.1: a scope that is not said is the one that was asked for, or the one before.
    asked = life_cycle.requested_scope(credential.payload) if life_cycle else ""
    # A lifetime begins with the answer, however long the swap had to wait.
    heard_at = now - timedelta(seconds=time.monotonic() - swapped.heard)
    swap(token, tokens, heard_at, renews=renews, renewal=renewal, scope=token.scope if renewal else asked)
    stands(credential, None if renews else token.expires_at, now)
    return entry(
        credential,
        swapped.actor,
        "token.refreshed" if renewal else "token.obtained",
        grant=swapped.attempt.grant,
        generation=token.generation,
        renews_itself=renews,
    )


def stands(credential: Credential, ends: datetime | None, now: datetime) -> None:
    """The credential works, until `ends`. Most did before, and nothing is written."""
    before = (credential.status, credential.status_code, credential.status_reason, credential.expires_at)
    if before == (Status.ACTIVE, "", "", ends):
        return
    Credential.objects.filter(pk=credential.pk).update(
        status=Status.ACTIVE,
        status_code="",
        status_reason="",
        status_changed_at=now if credential.status != Status.ACTIVE else F("status_changed_at"),
        expires_at=ends,
    )
    if ends != credential.expires_at:
        credential.expires_at = ends
        endings.keep(credential)


def swap(token: LeasedToken, tokens: TokenSet, now: datetime, *, renews: bool, renewal: bool, scope: str) -> None:
    """Put the new tokens into the row, which the caller has locked and saves. The lease ends with it.

    A renewal without refresh token keeps the old one (RFC 6749 §6). `scope` counts where the answer names none.
    """
    lifetime = tokens.expires_in
    if lifetime is None and renews:
        lifetime = DEFAULT_LIFETIME_SECONDS
    token.seal("access_token", tokens.access_token)
    if tokens.refresh_token:
        token.seal("refresh_token", tokens.refresh_token)
    elif not renewal:
        token.refresh_token = ""
    token.token_type = tokens.token_type
    token.scope = tokens.scope if tokens.scope is not None else scope
    token.obtained_at = now
    token.expires_at = now + timedelta(seconds=lifetime) if lifetime is not None else None
    token.refresh_at = schedule.refresh_moment(now, lifetime) if renews and lifetime is not None else None
    token.failures, token.last_error, token.last_error_at = 0, "", None
    token.generation += 1
    token.lease_owner, token.lease_until = "", None


def has_moved_on(token: LeasedToken, lease: Lease) -> bool:
    """Whether somebody else has swapped the token, or holds its lease."""
    return token.generation != lease.generation or token.lease_owner != lease.owner


def lock_all(ids: Sequence[UUID]) -> Mapping[UUID, tuple[Credential, OAuthToken]]:
    """Credentials and their tokens, locked in the order in which an edit changes them. Raises `Gone`.

    Within a transaction of the caller's.
    """
    held: dict[UUID, tuple[Credential, OAuthToken]] = {}
    for found in prepared.rows(_lock(), [list(ids)]):
        token, credential = rows_of(found, _TOKEN, _CREDENTIAL)
        token.credential = credential
        held[token.pk] = (credential, token)
    if len(held) < len(set(ids)):
        raise Gone
    return held


@functools.cache
def _lock() -> str:
    # In one statement: each row of the join is locked as a whole, in the order of the keys.
    return (
        f"SELECT {selected(_TOKEN, _CREDENTIAL)} FROM {_TOKEN.table} "  # noqa: S608
        f"JOIN {_CREDENTIAL.table} ON credential.id = token.credential_id "
        f"WHERE token.credential_id {prepared.among()} ORDER BY token.credential_id "
        f"{prepared.for_no_key_update('credential', 'token')}"
    )


def forget_older(token_ids: Sequence[UUID], now: datetime) -> None:
    """End the attempts that a swap has overtaken: a sealed answer that nobody can apply is a secret too many."""
    if not prepared.rows(_unfinished(), [list(token_ids)]):  # as good as always
        return
    unfinished = TokenAttempt.objects.filter(token_id__in=token_ids, finished_at=None)
    unfinished.filter(generation__lt=F("token__generation")).exclude(
        authorization__status__in=[AuthorizationStatus.EXCHANGING, AuthorizationStatus.ASKING]
    ).update(state=AttemptState.FAILED, error="superseded", answer="", finished_at=now)


@functools.cache
def _unfinished() -> str:
    return f"SELECT 1 FROM {table_of(TokenAttempt)} WHERE token_id {prepared.among()} AND finished_at IS NULL LIMIT 1"  # noqa: S608


def close_all(attempts: Sequence[Attempt], state: AttemptState, now: datetime, *, error: str = "") -> None:
    """End attempts of one model and erase the answers that they kept."""
    for attempt in attempts:
        attempt.state, attempt.error, attempt.finished_at, attempt.answer = state, error[:100], now, ""
    recordset.update_all(attempts, "state", "error", "finished_at", "answer")
