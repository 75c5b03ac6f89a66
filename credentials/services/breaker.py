"""The breaker of a token endpoint: it tells "the provider is down" from "this grant is dead".

Transient failures in a row open it, and it takes as many to see it as there are: two organizations where two use the
endpoint, else two tokens where there are two. So nobody can close a provider for another organization, and a grant at
which the provider stumbles closes it for no other. While it is open one request at a time tries whether the provider is
back, nobody's failures are counted, and everybody else is told at once when to ask again. Any answer in OAuth's words,
a refusal too, closes it; what waited is then spread over a while.

Opening writes one entry `provider.down` and closing one `provider.back` into the audit log of every organization that
has tokens from there (object type `token_endpoint`, details `host`, `since`, `error`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from credentials.models import TokenEndpoint
from credentials.models.clock import database_now
from credentials.models.endpoint import place_of
from credentials.models.leased import LeasedToken
from credentials.oauth.errors import OAuthFailure
from credentials.services import endpoints, explain, notices, schedule
from credentials.services.lease import LEASE
from organizations import audit
from organizations.audit import Actor, NewEntry
from organizations.models import Organization

OPENS_AFTER = 3  # failures in a row
# Failures that lie further apart are not in a row, however quiet it was between them.
FORGOTTEN_AFTER = timedelta(minutes=10)
# An open one for which nobody has had anything to ask is taken for closed: its token may have been deleted.
RESET_AFTER = timedelta(minutes=15)
BATCH = 500
DOWN, BACK = "provider.down", "provider.back"
ANSWERED_EVERY = timedelta(minutes=1)
# Our own refusal to send says nothing about the provider.
NOT_THE_PROVIDERS = frozenset({"blocked"})
UP: dict[str, Any] = {
    "failures": 0,
    "first_failed_at": None,
    "last_failed_at": None,
    "witness": None,
    "witness_organization": None,
    "several_tokens": False,
    "several_organizations": False,
    "down_since": None,
    "probes": 0,
    "probe_at": None,
    "prober": None,
}


class Held(Exception):
    """Nothing was tried, and nothing counted: the provider is down, or has enough to do. `seconds`: ask again then."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason, self.seconds = reason, max(1.0, seconds)


def pass_or_hold(endpoint: TokenEndpoint, token_id: UUID, now: datetime) -> None:
    """Let a request through while the provider is up, and one probe at a time while it is down. Raises `Held`.

    The caller holds the lock of the row.
    """
    if not endpoint.holds_back:
        return
    if endpoint.probe_at is not None and endpoint.probe_at > now:
        raise Held(explain.reason("provider_down"), endpoint.seconds_until_probe(now))
    # Should the process that probes die, another may try when its lease has ended.
    endpoint.probe_at, endpoint.prober = now + LEASE, token_id
    endpoint.save(update_fields=["probe_at", "prober"])


def note(endpoint: TokenEndpoint, failure: OAuthFailure, token: LeasedToken) -> datetime | None:
    """What came of a call. A refusal in OAuth's words is an answer. Otherwise as `note_failure`."""
    if failure.permanent:
        note_answer(endpoint)
        return None
    return note_failure(endpoint, failure, token_id=token.pk, organization_id=token.organization_id)


def note_answer(endpoint: TokenEndpoint) -> None:
    """The provider has answered. `endpoint` as read before the call; writes only where that is news."""
    now = endpoint.read_at or database_now()
    if endpoint.down_since is not None:
        close(endpoint.pk, database_now())
    elif endpoint.failures or endpoint.answered_at is None or endpoint.answered_at < now - ANSWERED_EVERY:
        TokenEndpoint.objects.filter(pk=endpoint.pk, down_since=None).update(**UP, answered_at=now)


def note_failure(
    endpoint: TokenEndpoint, failure: OAuthFailure, *, token_id: UUID, organization_id: UUID
) -> datetime | None:
    """The provider has failed. While it holds others back for that: when it is asked again, and nothing is counted."""
    if failure.code in NOT_THE_PROVIDERS:
        return None
    now = database_now()
    with transaction.atomic():
        row = TokenEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).first()
        if row is None:  # deleted as unused meanwhile: nobody else comes there
            return None
        count(row, token_id, organization_id, now)
        row.last_error = failure.code[:100]
        opens = row.down_since is None and row.failures >= OPENS_AFTER and was_seen_by_enough(row)
        if opens:
            row.down_since, row.probes = row.first_failed_at, 0
            row.probe_at = schedule.probe_moment(now, 0, failure.retry_after)
        elif row.down_since is not None:
            put_off(row, failure, token_id, now)
        row.save()
        if opens:
            tell(row, DOWN, {organization_id}, outcome="failed")
    return row.probe_at if row.holds_back else None


def seconds_down(url: str) -> float | None:
    """For how long nobody should ask there, for somebody who cannot be the probe; None where the provider is up."""
    row = TokenEndpoint.objects.filter(digest=place_of(url)[0], down_since__isnull=False, several_tokens=True).first()
    return max(1.0, row.seconds_until_probe(database_now())) if row else None


def count(row: TokenEndpoint, token_id: UUID, organization_id: UUID, now: datetime) -> None:
    """One more failure in a row, and who saw it."""
    if row.down_since is None and (row.last_failed_at is None or row.last_failed_at < now - FORGOTTEN_AFTER):
        row.failures, row.witness = 0, None
    if row.witness is None:
        row.first_failed_at, row.witness, row.witness_organization = now, token_id, organization_id
        row.several_tokens = row.several_organizations = False
    row.failures += 1
    row.last_failed_at = now
    row.several_tokens |= row.witness != token_id
    row.several_organizations |= row.witness_organization != organization_id


def was_seen_by_enough(row: TokenEndpoint) -> bool:
    if row.several_organizations:
        return True
    if endpoints.has_several_organizations(row):
        return False
    return row.several_tokens or not endpoints.has_several_tokens(row)


def put_off(row: TokenEndpoint, failure: OAuthFailure, token_id: UUID, now: datetime) -> None:
    """Set the next probe. What was under way when the breaker opened comes late; of that only `Retry-After` counts."""
    if row.prober == token_id or not row.several_tokens:
        row.probes += 1
        row.probe_at, row.prober = schedule.probe_moment(now, row.probes, failure.retry_after), None
    elif failure.retry_after and row.probe_at is not None:
        row.probe_at = max(row.probe_at, now + timedelta(seconds=failure.retry_after))


def close(endpoint_id: int, now: datetime, *, unasked: bool = False) -> bool:
    """The provider is back. Spread what waited for it, then open the way, and tell once. False where it was closed.

    `unasked`: nobody knows, because nobody had anything to ask for.
    """
    spread(endpoint_id, now)
    with transaction.atomic():
        row = TokenEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
        if row is None or row.down_since is None:
            return False
        TokenEndpoint.objects.filter(pk=endpoint_id).update(**UP, **({} if unasked else {"answered_at": now}))
        tell(row, BACK, set(), outcome="unknown" if unasked else "ok")
    return True


def tell(row: TokenEndpoint, action: str, organization_ids: set[UUID], *, outcome: str) -> None:
    """One notice and one audit entry for every organization with tokens from there, at the end of the change.

    A worker is named as who did it: who noticed may belong to another organization.
    """
    ids = organization_ids | endpoints.organizations_at(row)
    # In one order: whoever tells several must not wait for somebody who does too.
    organizations = Organization.objects.filter(pk__in=ids).order_by("pk")
    for organization in organizations:
        if action == DOWN:
            notices.provider_down(organization, row.host)
        else:
            notices.provider_back(organization, row.host)
    details = {
        "host": row.host,
        "since": row.down_since.isoformat() if row.down_since else None,
        "error": row.last_error,
    }
    told = NewEntry(Actor.worker(), action, "token_endpoint", str(row.pk), row.host, outcome, details)
    audit.record_all({audit.chain_of(organization): [told] for organization in organizations})


def spread(endpoint_id: int, now: datetime) -> None:
    """Let everything that waited for the provider become due by and by, also what had backed off before it was told."""
    for model in endpoints.TOKENS:
        waiting = model._default_manager.filter(
            Q(refresh_at__lte=now) | Q(failures__gt=0), endpoint=endpoint_id, lease_until=None, refresh_at__isnull=False
        )
        seconds = schedule.drain_seconds(waiting.count())
        waiting.update(failures=0, refresh_at=moment_within(now, seconds))


def moment_within(now: datetime, seconds: float) -> RawSQL:
    """Another moment for every row, at most `seconds` after `now`."""
    if connection.vendor == "sqlite":
        chance = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s, '+' || ((abs(random()) %% 1000000) * %s / 1e6) || ' seconds')"
        return RawSQL(chance, [now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"), seconds])  # noqa: S611 - no part comes from outside
    return RawSQL("%s::timestamptz + random() * %s * interval '1 second'", [now, seconds])


def reset_unasked() -> int:
    """Close what nobody has probed for a while: no token is waiting there, so nothing would ever close it."""
    long_ago = database_now() - RESET_AFTER
    unasked = TokenEndpoint.objects.filter(down_since__isnull=False, probe_at__lt=long_ago)
    return sum(close(pk, database_now(), unasked=True) for pk in unasked.values_list("pk", flat=True)[:BATCH])
