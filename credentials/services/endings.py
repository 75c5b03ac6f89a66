"""What ends when, kept beside what ends, and the warnings before it.

Everything here is called inside the transaction of the change. A renewal that brings another token of a credential
that renews itself changes no ending and costs no query.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from credentials.models import Credential, Ending
from credentials.models.clock import database_now
from credentials.models.ending import Mend
from credentials.services import notices
from credentials.types.registry import UnknownType, room
from organizations import audit
from organizations.audit import Actor
from organizations.models import Organization, ServiceToken

WARNINGS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
BATCH = 500
ACCESS = "Access"
SERVICE_TOKEN = "Service token"  # noqa: S105 - the words of a page


def next_warning(ends_at: datetime, after: datetime) -> datetime | None:
    """The first of the three moments that is not over. What ends sooner was said when it was entered."""
    moments = [ends_at - before for before in WARNINGS]
    return next((moment for moment in moments if moment > after), None)


def keep(credential: Credential) -> None:
    """Bring the rows of a credential in line with it. Its own row is locked by the caller, or new."""
    wanted = what_ends(credential)
    stored = {each.what: each for each in Ending.objects.filter(credential=credential)}
    gone = [each.pk for what, each in stored.items() if what not in wanted]
    if gone:
        Ending.objects.filter(pk__in=gone).delete()
    now = database_now()
    for what, (ends_at, mend) in wanted.items():
        if what in stored and stored[what].ends_at == ends_at:
            continue  # it is the same end: whoever was warned of it is not warned again
        Ending.objects.update_or_create(
            credential=credential,
            what=what,
            defaults={
                "organization_id": credential.organization_id,
                "mend": mend,
                "ends_at": ends_at,
                "warn_at": next_warning(ends_at, now),
            },
        )


def what_ends(credential: Credential) -> Mapping[str, tuple[datetime, Mend]]:
    """By name; of two of one name the earlier. `expires_at` is about a token where the type has any."""
    try:
        authentication = room(credential.kind)
    except UnknownType:
        return {}
    found: dict[str, tuple[datetime, Mend]] = {}
    for each in authentication.endings(credential.payload):
        what = each.what[:255]
        found[what] = min(found.get(what, (each.at, Mend.EDIT)), (each.at, Mend.EDIT))
    if authentication.life_cycle is not None and credential.expires_at is not None:
        found[ACCESS] = (credential.expires_at, Mend.AUTHORIZE)
    return found


def keep_service_token(sender: type[ServiceToken], instance: ServiceToken, raw: bool = False, **_: Any) -> None:
    """Receives `post_save` of service tokens, in the transaction that saves one: `organizations` knows nothing of us.

    Revoking is an UPDATE without that signal; whoever reads the rows leaves revoked tokens out.
    """
    if raw:
        return
    stored = Ending.objects.filter(service_token=instance).first()
    if stored is not None and stored.ends_at == instance.expires_at:
        return
    Ending.objects.update_or_create(
        service_token=instance,
        defaults={
            "organization_id": instance.organization_id,
            "what": SERVICE_TOKEN,
            "mend": Mend.SERVICE_TOKENS,
            "ends_at": instance.expires_at,
            "warn_at": next_warning(instance.expires_at, database_now()),
        },
    )


def warn() -> int:
    """Tell of everything whose next warning is due: one notice an organization and way to mend it. How many ends.

    The warning is claimed by a conditional UPDATE in the transaction of its notice: it is given once.
    """
    now = database_now()
    due = (
        Ending.objects.filter(warn_at__lte=now)
        .select_related("credential", "service_token", "organization")
        .order_by("warn_at")[:BATCH]
    )
    by_organization: dict[Organization, list[Ending]] = defaultdict(list)
    for ending in due:
        by_organization[ending.organization].append(ending)
    return sum(_warn(organization, endings, now) for organization, endings in by_organization.items())


def _warn(organization: Organization, endings: Iterable[Ending], now: datetime) -> int:
    with transaction.atomic():
        claimed = [each for each in endings if _claim(each, now) and _is_news(each, now)]
        # Only administrators make service tokens, so only they are told.
        for of_service_tokens in (False, True):
            told = [each for each in claimed if (each.service_token is not None) is of_service_tokens]
            if told:
                notices.expiring(organization, told, now)
        if claimed:
            audit.record(
                organization, Actor.worker(), "notice.expiring", details={"ends": [str(each)[:100] for each in claimed]}
            )
    return len(claimed)


def _claim(ending: Ending, now: datetime) -> bool:
    following = next_warning(ending.ends_at, now)
    return bool(Ending.objects.filter(pk=ending.pk, warn_at=ending.warn_at).update(warn_at=following))


def _is_news(ending: Ending, now: datetime) -> bool:
    """Not of a token that was revoked, nor of what ended while nobody swept."""
    return ending.ends_at > now and (ending.service_token is None or ending.service_token.revoked_at is None)
