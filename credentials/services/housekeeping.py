"""Rows that nobody needs any more: deleted a batch at a time, so that no sweep takes long and no table is held."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from credentials.models import Authorization, TokenEndpoint, Webhook
from credentials.models.authorization import TELLS_NO_ACCOUNT
from credentials.services.account import KEPT
from credentials.services.endpoints import TOKENS

BATCH = 500
# Since somebody last heard from it: what consumers' codes are exchanged at has no token.
ENDPOINTS_KEPT = timedelta(days=1)


def delete_old_authorizations(now: datetime) -> int:
    """Attempts that ended long ago and tell nothing of an account; `account.forget_older` deletes the others."""
    ended = Authorization.objects.filter(TELLS_NO_ACCOUNT, finished_at__lt=now - KEPT)
    oldest = list(ended.order_by("finished_at").values_list("pk", flat=True)[:BATCH])
    if oldest:
        Authorization.objects.filter(pk__in=oldest).delete()
    return len(oldest)


def erase_former_secrets(now: datetime) -> int:
    """Secrets of webhooks with which nothing is signed any more."""
    return Webhook.objects.filter(previous_until__lte=now).update(previous_secret="", previous_until=None)


def delete_unused_endpoints(now: datetime) -> int:
    """Endpoints that no token comes from any more, and whose breaker is closed and has been silent for a day.

    Whoever is about to refer to a row holds it locked, and it is passed over; who waits for one that is deleted makes
    a new one (`endpoints.found`). Costs a look into an index for each address that was ever asked.
    """
    with transaction.atomic():
        free = unused(now).select_for_update(of=("self",), skip_locked=True).order_by("pk")
        chosen = list(free.values_list("pk", flat=True)[:BATCH])
        # Once more: a token may have come to refer to one between the look and the lock.
        still = list(unused(now).filter(pk__in=chosen).values_list("pk", flat=True)) if chosen else []
        if still:
            TokenEndpoint.objects.filter(pk__in=still).delete()
    return len(still)


def unused(now: datetime) -> QuerySet[TokenEndpoint]:
    silent = now - ENDPOINTS_KEPT
    rows = TokenEndpoint.objects.filter(
        Q(answered_at=None) | Q(answered_at__lt=silent),
        Q(last_failed_at=None) | Q(last_failed_at__lt=silent),
        down_since=None,
    )
    return rows.filter(*(~Exists(model._default_manager.filter(endpoint=OuterRef("pk"))) for model in TOKENS))
