"""The right to talk to a token endpoint about one token: a credential's or a consumer's.

Claimed by a conditional UPDATE: of any number of workers and web processes, one gets it. It ends by itself, so that a
killed worker blocks nobody for long, and it is longer than any call to a token endpoint can take.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from credentials.models.clock import database_now
from credentials.models.leased import LeasedToken
from credentials.services.patience import insist

CALL_SECONDS = 15.0
LEASE = timedelta(seconds=45)
# A process that was suspended after its claim must not wake up and send when the lease may be another's.
LAST_MOMENT_TO_SEND = LEASE.total_seconds() - CALL_SECONDS - 5
LAST_MOMENT_TO_STORE = LEASE.total_seconds() - 5
RELEASE_SECONDS = 4.0  # for how long it is tried to give a lease back


@dataclass(frozen=True)
class Lease:
    """`generation` is the token's at the time of the claim; `claimed` is on this process's monotonic clock."""

    model: type[LeasedToken]
    token_id: UUID
    generation: int
    owner: str
    claimed: float

    def may_still_send(self) -> bool:
        return in_time(self.claimed)


def in_time(claimed: float) -> bool:
    """Whether a request that is sent now is over before the claim made at `claimed` (`time.monotonic()`) ends."""
    return time.monotonic() - claimed < LAST_MOMENT_TO_SEND


def last_moment_to_store(claimed: float) -> float:
    """Until when (`time.monotonic()`) the answer is nobody else's to ask for again, of a claim made at `claimed`."""
    return claimed + LAST_MOMENT_TO_STORE


def claim(token: LeasedToken) -> Lease | None:
    """The lease, or None where somebody else holds it or asked the token endpoint since `token` was read.

    The token's `endpoint` is written along: leases under way are counted by it.
    """
    owner = secrets.token_hex(16)
    # Before the database's clock is read: the lease must never be thought to last longer than it does.
    claimed = time.monotonic()
    now = database_now()
    won = (
        type(token)
        ._default_manager.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))
        .filter(pk=token.pk, generation=token.generation, failures=token.failures)
        .update(lease_owner=owner, lease_until=now + LEASE, endpoint=token.endpoint_id)
    )
    return Lease(type(token), token.pk, token.generation, owner, claimed) if won else None


def release(lease: Lease) -> None:
    """Give it back. Harmless where it has passed to somebody else.

    A database that is away (a restart, a failover) is asked again for a few seconds: a lease that stays behind keeps
    everybody from renewing the token until it ends.
    """
    rows = lease.model._default_manager.filter(pk=lease.token_id, lease_owner=lease.owner)
    insist(lambda: rows.update(lease_owner="", lease_until=None), until=time.monotonic() + RELEASE_SECONDS)
