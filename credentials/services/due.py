"""Which tokens are due, in an order that is fair: organizations take turns, and so do the providers of each.

Within an organization and a provider the longest due comes first. The cost follows what is due, not what there is.
"""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Q, Window
from django.db.models.functions import Coalesce, RowNumber

from credentials.models import OAuthToken
from credentials.models.clock import database_now


@dataclass(frozen=True)
class Due:
    """A token whose renewal is due. `endpoint_id` is None where its endpoint was never asked since it is kept track."""

    token_id: UUID
    organization_id: UUID
    endpoint_id: int | None
    host: str


def due(limit: int) -> list[Due]:
    """At most `limit`. Of a provider that is down none, or one for each organization where a probe may be made."""
    now = database_now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    up = Q(endpoint=None) | Q(endpoint__down_since=None) | Q(endpoint__several_tokens=False)
    rows = (
        OAuthToken.objects.filter(free, up | Q(endpoint__probe_at__lte=now), refresh_at__lte=now)
        .annotate(
            turn=Window(
                RowNumber(),
                # Not the bare column: SQLite would walk its index over all tokens instead of the one over what is due.
                partition_by=[Coalesce("endpoint_id", 0), F("organization_id")],
                order_by=F("refresh_at").asc(),
            )
        )
        .order_by("turn", "refresh_at")
        .values_list("pk", "organization_id", "endpoint_id", "endpoint__host", "turn", "endpoint__down_since")
    )
    found = [
        Due(token_id, organization_id, endpoint_id, host or "")
        for token_id, organization_id, endpoint_id, host, turn, down_since in rows[:limit]
        if turn == 1 or down_since is None
    ]
    return in_turns(found)


def in_turns(found: list[Due]) -> list[Due]:
    """One of each organization, then another of each: the order within an organization stays."""
    turns: Counter[UUID] = Counter()
    numbered = []
    for place, each in enumerate(found):
        turns[each.organization_id] += 1
        numbered.append((turns[each.organization_id], place, each))
    return [each for _, _, each in sorted(numbered, key=lambda entry: entry[:2])]
