"""Looking things up in the audit log by action, actor and date: newest first for a page, oldest first for an export.

A chain is ordered by position and has an index for that. Its moments follow the positions, give or take the difference
between machines' clocks and how long an entry waited for the chain, so a date is turned into a position by bisection
instead of reading the chain for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from organizations.models import SYSTEM_CHAIN, AuditChain, AuditEntry, AuditEntryQuerySet, Organization

BATCH = 200  # an entry takes 2 kB of memory, and several people may export at once
CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True)
class Criteria:
    """What to look for.

    `action` is one action's name or a group such as "credential" (everything that starts with "credential."); `actor`
    is kind and id of who did it; `since` and `until` are moments, the latter exclusive.
    """

    action: str = ""
    actor: tuple[str, str] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_details(self) -> dict[str, Any]:
        """For the entry that tells of an export."""
        given = {
            "action": self.action,
            "actor": ":".join(self.actor) if self.actor else "",
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: value for name, value in given.items() if value}


EVERYTHING = Criteria()


def matching(organization: Organization | None, criteria: Criteria) -> AuditEntryQuerySet:
    """The entries of one chain (the system's when there is no organization), in no order."""
    chain_id = SYSTEM_CHAIN if organization is None else organization.pk
    entries = AuditEntry.objects.of(organization)
    action = criteria.action
    if action:
        entries = entries.filter(action=action) if "." in action else entries.filter(action__startswith=f"{action}.")
    if criteria.actor is not None:
        entries = entries.filter(actor_kind=criteria.actor[0], actor_id=criteria.actor[1])
    if criteria.since is not None:
        first = position_of(chain_id, shifted(criteria.since, -CLOCKS_DIFFER))
        entries = entries.filter(position__gte=first, at__gte=criteria.since)
    if criteria.until is not None:
        beyond = position_of(chain_id, shifted(criteria.until, CLOCKS_DIFFER))
        entries = entries.filter(position__lt=beyond, at__lt=criteria.until)
    return entries


def newest_first(
    organization: Organization | None, criteria: Criteria, *, before: int | None, limit: int
) -> list[AuditEntry]:
    """A page: `limit` entries below the position `before` (a keyset, not an offset)."""
    entries = matching(organization, criteria).order_by("-position")
    if before is not None:
        entries = entries.filter(position__lt=before)
    return list(entries[:limit])


def oldest_first(
    organization: Organization | None, criteria: Criteria = EVERYTHING, *, up_to: int | None = None
) -> Iterator[AuditEntry]:
    """Everything that matches, up to a position, read in batches so that memory does not grow with the log."""
    entries = matching(organization, criteria).order_by("position")
    if up_to is not None:
        entries = entries.filter(position__lte=up_to)
    batch = list(entries[:BATCH])
    while batch:
        yield from batch
        batch = list(entries.filter(position__gt=batch[-1].position)[:BATCH])


def position_of(chain_id: Any, moment: datetime) -> int:
    """The first position whose entry is not older than `moment`; the one after the head where there is none."""
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is None:
        return 1
    entries = AuditEntry.objects.filter(chain_id=chain_id).order_by("position")
    low, high = chain.archived + 1, chain.position + 1
    while low < high:
        middle = (low + high) // 2
        at = entries.filter(position__gte=middle).values_list("at", flat=True).first()
        if at is None or at >= moment:
            high = middle
        else:
            low = middle + 1
    return low


def shifted(moment: datetime, by: timedelta) -> datetime:
    """`moment + by`, or `moment` itself at the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return moment
