"""Hand a bot the token of a credential. The entry in the audit log is written before the secret leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from credentials import runtime
from credentials.models import Credential, OAuthToken
from credentials.models.clock import database_now
from credentials.services import wake
from credentials.services.presented import Presented
from credentials.services.records import tell
from credentials.types.base import NoToken, UsableToken
from credentials.types.registry import room
from organizations.audit import Actor
from organizations.group_commit import Along
from organizations.issuing import is_stale, note_use_of_service_tokens

LAST_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class HandedOut:
    """A token, and until when it is good (None where nobody can say that it ends)."""

    token: UsableToken
    expires_at: datetime | None


def hand_out_token(
    credential: Credential,
    *,
    actor: Actor,
    on_behalf: runtime.OnBehalf = runtime.NOBODY,
    presented: Presented | None = None,
) -> HandedOut:
    """A usable token. Raises `NoToken`, `runtime.NeedsAuthorization`, `ConsumerNotAuthenticated`, `Unavailable`.

    `presented` is what was read together with the credential a moment ago, so that it is not read again.
    """
    if room(credential.kind).attaches_to != "integrations":
        raise NoToken  # before anything is asked of a provider
    as_read = runtime.AsRead(presented.token, presented.at) if presented else None
    ready = runtime.make_ready(credential, actor=actor, on_behalf=on_behalf, as_read=as_read)
    token = ready.room.token(ready.material)
    tell(credential, actor, "token.served", along=noting_use(credential, presented))
    return HandedOut(token, runtime.until_when(ready))


def noting_use(credential: Credential | None, presented: Presented | None = None) -> list[Along]:
    """What is to be done beside the entry about a use: remember when it was, to the minute.

    Of the service token too, where it was presented for this: nobody has noted its use then.
    """
    along: list[Along] = []
    if credential:
        now = presented.at if presented else database_now()
        if credential.last_used_at is None or credential.last_used_at < now - LAST_USED_EVERY:
            along.append((note_use, credential.pk))
    if presented and is_stale(presented.service_token.last_used_at, presented.at):
        along.append((note_use_of_service_tokens, presented.service_token.pk))
    return along


def note_use(ids: Sequence[UUID]) -> None:
    """They are used now. A row that somebody is changing is left for its next use: nobody waits for this."""
    now = database_now()
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_EVERY)
    free = Credential.objects.select_for_update(skip_locked=True).filter(stale, pk__in=ids).values("pk")
    Credential.objects.filter(pk__in=free).update(last_used_at=now)


def ask_for_renewal(credential: Credential, generation: int) -> None:
    """Let a worker renew the token of this generation, which a resource turned down before its time."""
    now = database_now()
    if OAuthToken.objects.filter(pk=credential.pk, generation=generation, refresh_at__gt=now).update(refresh_at=now):
        wake.refresh(credential.pk)
