"""Hand a bot the token of a credential. The entry in the audit log is written before the secret leaves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from credentials import runtime
from credentials.models import Credential, OAuthToken
from credentials.models.clock import database_now
from credentials.services import wake
from credentials.services.records import record
from credentials.types.base import NoToken, UsableToken
from credentials.types.registry import room
from organizations.audit import Actor

LAST_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class HandedOut:
    """A token, and until when it is good (None where nobody can say that it ends)."""

    token: UsableToken
    expires_at: datetime | None


def hand_out_token(credential: Credential, *, actor: Actor, on_behalf: runtime.OnBehalf = runtime.NOBODY) -> HandedOut:
    """A usable token. Raises `NoToken`, `runtime.NeedsAuthorization`, `ConsumerNotAuthenticated`, `Unavailable`."""
    if room(credential.kind).attaches_to != "integrations":
        raise NoToken  # before anything is asked of a provider
    ready = runtime.make_ready(credential, actor=actor, on_behalf=on_behalf)
    token = ready.room.token(ready.material)
    with transaction.atomic():
        note_use(credential)
        record(credential, actor, "token.served")
    return HandedOut(token, runtime.until_when(ready))


def note_use(credential: Credential) -> None:
    """Remember when it was last used; to the minute, so that a busy credential is not written at every use."""
    now = database_now()
    if credential.last_used_at and credential.last_used_at >= now - LAST_USED_EVERY:
        return
    Credential.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_EVERY), pk=credential.pk
    ).update(last_used_at=now)


def ask_for_renewal(credential: Credential, generation: int) -> None:
    """Let a worker renew the token of this generation, which a resource turned down before its time."""
    now = database_now()
    if OAuthToken.objects.filter(pk=credential.pk, generation=generation, refresh_at__gt=now).update(refresh_at=now):
        wake.refresh(credential.pk)
