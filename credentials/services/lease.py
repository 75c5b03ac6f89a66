"""The right to talk to a token endpoint on behalf of one credential.

Claimed by a conditional UPDATE: of any number of workers and web processes, one gets it. It ends by itself, so that a
killed worker blocks nobody for long, and it is longer than any call to a token endpoint can take.
"""

import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from credentials.models.token import OAuthToken

CALL_SECONDS = 15.0
LEASE = timedelta(seconds=45)
# A process that was suspended after its claim must not wake up and send when the lease may be another's.
LAST_MOMENT_TO_SEND = LEASE.total_seconds() - CALL_SECONDS - 5


@dataclass(frozen=True)
class Lease:
    """`generation` is the token's at the time of the claim."""

    credential_id: UUID
    generation: int
    owner: str
    claimed: float = field(default_factory=time.monotonic)

    def may_still_send(self) -> bool:
        return time.monotonic() - self.claimed < LAST_MOMENT_TO_SEND


def claim(token: OAuthToken, now: datetime) -> Lease | None:
    """The lease, or None where somebody else holds it or the token was swapped since it was read."""
    owner = secrets.token_hex(16)
    won = (
        OAuthToken.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))
        .filter(pk=token.pk, generation=token.generation)
        .update(lease_owner=owner, lease_until=now + LEASE)
    )
    return Lease(token.pk, token.generation, owner) if won else None


def release(lease: Lease) -> None:
    """Give it back. Harmless where it has passed to somebody else."""
    OAuthToken.objects.filter(pk=lease.credential_id, lease_owner=lease.owner).update(lease_owner="", lease_until=None)
