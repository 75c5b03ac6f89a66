"""How the engine stands, in figures: what is due, under way and waiting, and what came of the last minutes' renewals.

All of it is asked of the database, so that any web process can answer for every worker on every machine: a constant
number of queries, each along an index whose length is that of what is due, under way, or of the last minutes.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet, Sum

from credentials.models import (
    Authorization,
    ConsumerChallenge,
    ConsumerTokenAttempt,
    OAuthToken,
    TokenAttempt,
    TokenEndpoint,
    authorization,
    challenge,
)
from credentials.models.authorization import AuthorizationStatus
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.models.leased import AttemptState
from credentials.services.explain import EXPLANATIONS, SAME_AS
from organizations.models import AuditEntry

RECENT = timedelta(minutes=5)
HOSTS_AT_MOST = 30
OTHERS = "other"
# Seconds; a call ends after 15.
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


@dataclass(frozen=True)
class Figures:
    """`oldest_due` and `audit_lag` are seconds. What is `recent` is of the last five minutes.

    `recent` is by (host, outcome), `durations` the number of calls that took at most so many seconds, `average` the
    mean of each host. `endpoints_down` are token endpoints whose breaker is open, `down` says of a host whether one of
    its is: of all that were asked lately, and of those that are down for longest.
    """

    due: int
    oldest_due: float
    leased: int
    waiting: Mapping[tuple[str, str], int]
    recent: Mapping[tuple[str, str], int]
    average: Mapping[str, float]
    durations: Mapping[float, int]
    finished: int
    total_seconds: float
    audit_lag: float
    endpoints_down: int
    down: Mapping[str, bool]


def figures() -> Figures:
    """Everything, in twelve queries."""
    now = database_now()
    due = OAuthToken.objects.filter(refresh_at__lte=now).aggregate(number=Count("pk"), oldest=Min("refresh_at"))
    recent, average = by_host(now)
    durations, finished, total = durations_of(now)
    down = TokenEndpoint.objects.filter(down_since__isnull=False)
    return Figures(
        due=due["number"],
        oldest_due=(now - due["oldest"]).total_seconds() if due["oldest"] else 0.0,
        leased=OAuthToken.objects.filter(lease_until__gte=now).count(),
        waiting=waiting(),
        recent=recent,
        average=average,
        durations=durations,
        finished=finished,
        total_seconds=total,
        audit_lag=audit_lag(),
        endpoints_down=down.count(),
        down=dict.fromkeys(average, False) | dict.fromkeys(hosts_of(down), True),
    )


def hosts_of(endpoints: QuerySet[TokenEndpoint]) -> set[str]:
    """Without their ports, as requests are counted; no more of them than of busy hosts."""
    longest = endpoints.values("host").annotate(since=Min("down_since")).order_by("since", "host")
    return {row["host"].rpartition(":")[0] for row in longest[:HOSTS_AT_MOST]}


def waiting() -> dict[tuple[str, str], int]:
    """Codes that nobody has exchanged yet, and exchanges under way."""
    found: dict[tuple[str, str], int] = {}
    for what, rows, statuses in (
        (
            "authorization",
            Authorization.objects.filter(authorization.IS_OPEN),
            (AuthorizationStatus.RECEIVED, AuthorizationStatus.EXCHANGING),
        ),
        (
            "challenge",
            ConsumerChallenge.objects.filter(challenge.IS_OPEN),
            (ChallengeStatus.RECEIVED, ChallengeStatus.EXCHANGING),
        ),
    ):
        counted = rows.filter(status__in=statuses).order_by().values_list("status").annotate(Count("pk"))
        numbers = dict(counted)
        found |= {(what, str(status)): numbers.get(status, 0) for status in statuses}
    return found


def finished_since(model: Any, moment: datetime) -> QuerySet[Any]:
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    rows: QuerySet[Any] = model.objects.filter(finished_at__gte=moment).annotate(took=took).order_by()
    return rows


def by_host(now: datetime) -> tuple[dict[tuple[str, str], int], dict[str, float]]:
    """Requests by (host, outcome), and each host's mean seconds. The busiest hosts by name, the rest as one."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for model in (TokenAttempt, ConsumerTokenAttempt):
        rows = finished_since(model, now - RECENT).values("host", "state", "error")
        for row in rows.annotate(number=Count("pk"), mean=Avg("took")):
            counts[row["host"], outcome_of(row["state"], row["error"])] += row["number"]
            seconds[row["host"]] += row["number"] * row["mean"].total_seconds()
    totals: dict[str, int] = defaultdict(int)
    for (host, _), number in counts.items():
        totals[host] += number
    busiest = set(sorted(totals, key=lambda host: (-totals[host], host))[:HOSTS_AT_MOST])
    recent: dict[tuple[str, str], int] = defaultdict(int)
    for (host, outcome), number in counts.items():
        recent[host if host in busiest else OTHERS, outcome] += number
    return dict(recent), {host: seconds[host] / totals[host] for host in busiest}


def outcome_of(state: str, error: str) -> str:
    """`ok`, or a code that the product knows: what a provider makes up is `other`."""
    if state == AttemptState.APPLIED:
        return "ok"
    code = SAME_AS.get(error, error)
    return code if code in EXPLANATIONS or code == "superseded" else OTHERS


def durations_of(now: datetime) -> tuple[dict[float, int], int, float]:
    """How many calls took at most so many seconds (cumulative), how many there were, and their seconds together."""
    names = {f"within_{number}": bound for number, bound in enumerate(BUCKETS)}
    durations = dict.fromkeys(BUCKETS, 0)
    finished, total = 0, 0.0
    for model in (TokenAttempt, ConsumerTokenAttempt):
        within: Any = {name: Count("pk", filter=Q(took__lte=timedelta(seconds=bound))) for name, bound in names.items()}
        found = finished_since(model, now - RECENT).aggregate(number=Count("pk"), seconds=Sum("took"), **within)
        finished += found["number"]
        total += found["seconds"].total_seconds() if found["seconds"] else 0.0
        for name, bound in names.items():
            durations[bound] += found[name]
    return durations, finished, total


def audit_lag() -> float:
    """Seconds by which the newest entry of the audit log is behind the newest token that was stored.

    Both are of one commit, so it is zero unless something is wrong with the log.
    """
    stored = TokenAttempt.objects.filter(finished_at__isnull=False, state=AttemptState.APPLIED)
    newest = stored.order_by("-finished_at").values_list("finished_at", flat=True).first()
    told = AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first()
    if newest is None:
        return 0.0
    return max(0.0, (newest - told).total_seconds()) if told else float("inf")
