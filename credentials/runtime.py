"""From a credential to something a resource accepts: an authenticated request or a usable token, always fresh."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from credentials.crypto.envelope import Unsealable
from credentials.models import ConsumerToken, Credential, OAuthToken
from credentials.models.clock import database_now
from credentials.models.leased import LeasedToken
from credentials.oauth.answer import DEFAULT_LIFETIME_SECONDS
from credentials.services import challenges, consumers, explain
from credentials.services.lease import CALL_SECONDS
from credentials.services.records import tell
from credentials.services.refresh import Held, Outcome, ask_for_first, end_when_expired, refresh_as_read
from credentials.types.base import CredentialType, Material, TokenOwner, UsableToken
from credentials.types.registry import room
from organizations.audit import Actor

T = TypeVar("T", bound=LeasedToken)

WAIT_SECONDS = 20.0  # for the one renewal that another process is making; longer than the call it makes
FIRST_POLL, LONGEST_POLL = 0.05, 0.4  # seconds
# A token that ends while the request is on its way is as good as ended.
LEEWAY = timedelta(seconds=2)


class NeedsAuthorization(Exception):
    """Only a person can help. The message says what happened."""


class ConsumerNotAuthenticated(Exception):
    """There is no token of this consumer, or of this conversation. The message says what to do."""


class Unavailable(Exception):
    """The token has ended and cannot be renewed right now. `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = max(1.0, retry_after)


@dataclass(frozen=True)
class OnBehalf:
    """Whom a bot acts for: a consumer who was authenticated before, or whoever was in this conversation."""

    consumer: str | None = None
    conversation: str | None = None


NOBODY = OnBehalf()


@dataclass(frozen=True)
class Ready:
    """A credential that can be used now. `expires_at` is None where nothing ends."""

    room: CredentialType
    material: Material
    expires_at: datetime | None = None
    generation: int = 0
    obtained_at: datetime | None = None


@dataclass(frozen=True)
class AsRead:
    """A credential's token as it was read together with the credential, and the database's time then."""

    token: OAuthToken | None
    at: datetime


def make_ready(
    credential: Credential,
    *,
    actor: Actor,
    patience: float = WAIT_SECONDS,
    on_behalf: OnBehalf = NOBODY,
    as_read: AsRead | None = None,
) -> Ready:
    """Open the secrets, with a token that lives. Waits up to `patience` seconds for a renewal.

    Raises `NeedsAuthorization`, `ConsumerNotAuthenticated` and `Unavailable`. Secrets that do not open are told in the
    audit log: a row was tampered with, or its key is gone.
    """
    if credential.deactivated_at is not None:
        raise NeedsAuthorization(explain.reason(credential.stands[1]))
    authentication = room(credential.kind)
    if authentication.token_owner is TokenOwner.CONSUMER:
        return consumer_ready(authentication, credential, on_behalf, actor, patience)
    if authentication.token_owner is TokenOwner.CONVERSATION:
        return conversation_ready(authentication, credential, on_behalf, actor)
    try:
        secrets = credential.open_secrets()
        life_cycle = authentication.life_cycle
        if life_cycle is None or not life_cycle.holds_token(credential.payload):
            return Ready(authentication, Material(credential.payload, secrets))
        if as_read and as_read.token and as_read.token.lives_at(as_read.at + LEEWAY):
            token = as_read.token
        else:
            token = living_token(credential, actor, patience)
        usable = UsableToken(str(token.unseal("access_token")), token.token_type, token.scope or None)
    except Unsealable:
        tell(credential, actor, "credential.unreadable", outcome="failed")
        raise NeedsAuthorization(explain.reason("secrets_unreadable")) from None
    return Ready(
        authentication,
        Material(credential.payload, secrets, usable),
        token.expires_at,
        token.generation,
        token.obtained_at,
    )


def make_ready_again(
    credential: Credential, ready: Ready, *, actor: Actor, patience: float, on_behalf: OnBehalf = NOBODY
) -> Ready | None:
    """A new token for one that a resource turned down before its time; None where there is none to be had.

    Others whose call was turned down meanwhile wait for that one renewal. One that has just failed is not tried again
    before its time. The token of a conversation is never renewed: its consumer is challenged again.
    """
    until = time.monotonic() + patience
    poll = FIRST_POLL
    while True:
        token = token_behind(credential, ready.room, on_behalf)
        if token is None:
            return None
        if token.generation != ready.generation:
            break
        now = database_now()
        if token.failures and token.refresh_at and token.refresh_at > now and not token.is_leased_at(now):
            return None
        in_time = has_time_to_renew(until)
        try:
            outcome = renewed_as_read(token, actor=actor, in_time=in_time)
        except Held:
            return None
        if outcome is Outcome.WAIT or outcome is Outcome.ENDED or (outcome is Outcome.NOT_DUE and not in_time):
            return None
        if outcome is not Outcome.RENEWED:
            if time.monotonic() + poll >= until:
                return None
            time.sleep(poll)
            poll = min(poll * 1.5, LONGEST_POLL)
    try:
        left = max(0.0, until - time.monotonic())
        again = make_ready(credential, actor=actor, patience=left, on_behalf=on_behalf)
    except (NeedsAuthorization, ConsumerNotAuthenticated, Unavailable):
        return None
    return again if again.generation != ready.generation else None


def token_behind(
    credential: Credential, authentication: CredentialType, on_behalf: OnBehalf
) -> OAuthToken | ConsumerToken | None:
    """The row of the token that a call carried; None where nothing renews what it carried."""
    if authentication.token_owner is TokenOwner.CONSUMER:
        return consumers.find(credential.account_id, on_behalf.consumer or "")
    return OAuthToken.objects.filter(pk=credential.pk).first() if authentication.life_cycle else None


def renewed_as_read(token: OAuthToken | ConsumerToken, *, actor: Actor, in_time: bool) -> Outcome:
    if isinstance(token, ConsumerToken):
        return consumers.refresh_as_read(token, actor=actor, in_time=in_time)
    return refresh_as_read(token, actor=actor, in_time=in_time)


def renewals_since(credential: Credential, ready: Ready, on_behalf: OnBehalf, moment: datetime) -> int:
    """How often the token that a call carried was asked for anew, successfully or not."""
    token = token_behind(credential, ready.room, on_behalf)
    return token.attempts.filter(started_at__gt=moment).count() if token else 0


def consumer_ready(
    authentication: CredentialType, credential: Credential, on_behalf: OnBehalf, actor: Actor, patience: float
) -> Ready:
    """With the token of the consumer that the bot names, kept for the whole account."""
    if not on_behalf.consumer:
        raise ConsumerNotAuthenticated("name the consumer on whose behalf it happens")
    subject = on_behalf.consumer
    not_authenticated = ConsumerNotAuthenticated("this consumer is not authenticated: hand their tokens over anew")
    found = living(
        lambda: consumers.find(credential.account_id, subject),
        lambda token, in_time: consumers.refresh_as_read(token, actor=actor, in_time=in_time),
        lambda: not_authenticated,
        patience,
    )
    try:
        usable = UsableToken(str(found.unseal("access_token")), found.token_type, found.scope or None)
    except Unsealable:
        tell(credential, actor, "credential.unreadable", outcome="failed", whose="consumer")
        raise not_authenticated from None
    consumers.note_use(found)
    material = Material(credential.payload, {}, usable)
    return Ready(authentication, material, found.expires_at, found.generation, found.obtained_at)


def conversation_ready(
    authentication: CredentialType, credential: Credential, on_behalf: OnBehalf, actor: Actor
) -> Ready:
    """With the token of this one conversation. When it has ended the consumer is challenged again."""
    if not on_behalf.conversation:
        raise ConsumerNotAuthenticated("name the conversation in which it happens")
    found = challenges.of_conversation(credential, on_behalf.conversation)
    ends = found.token_expires_at if found else None
    if found is None or ends is None or ends <= database_now() + LEEWAY:
        raise ConsumerNotAuthenticated("nobody is authenticated in this conversation: ask for a challenge")
    if on_behalf.consumer and on_behalf.consumer != found.authenticated_subject:
        raise ConsumerNotAuthenticated("another consumer than this one is authenticated in this conversation")
    try:
        usable = UsableToken(str(found.unseal("access_token")), found.token_type, found.scope or None)
    except Unsealable:
        tell(credential, actor, "credential.unreadable", outcome="failed", whose="conversation")
        raise ConsumerNotAuthenticated("the consumer's token cannot be opened: ask for a challenge") from None
    return Ready(authentication, Material(credential.payload, {}, usable), ends)


def living_token(credential: Credential, actor: Actor, patience: float) -> OAuthToken:
    """The credential's own token."""
    return living(
        lambda: OAuthToken.objects.filter(pk=credential.pk).first(),
        lambda token, in_time: refresh_as_read(token, actor=actor, in_time=in_time),
        lambda: None if ask_for_first(credential) else needs_authorization(credential, actor),
        patience,
    )


def living(
    read: Callable[[], T | None],
    renew: Callable[[T, bool], Outcome],
    hopeless: Callable[[], Exception | None],
    patience: float,
) -> T:
    """The token, renewed first if it has ended. Everybody else waits for that one renewal and reads what it brought.

    A token that still lives is served even where an early renewal failed. One that was obtained while this waited is
    served however short it lives: nothing fresher is to be had.
    Where nothing renews it, raises what `hopeless` says; None says to look again.
    """
    until = time.monotonic() + patience
    poll = FIRST_POLL
    found: int | None = None
    while True:
        token = read()
        now = database_now()
        if token is not None:
            found = token.generation if found is None else found
            if token.lives_at(now + LEEWAY) or (token.access_token and token.generation > found):
                return token
        if token is None or token.refresh_at is None:
            if (ended := hopeless()) is None:
                continue
            raise ended
        if token.failures and token.refresh_at > now and not token.is_leased_at(now):
            raise Unavailable(token.last_error, (token.refresh_at - now).total_seconds())
        in_time = has_time_to_renew(until)
        try:
            outcome = renew(token, in_time)
        except Held as held:
            raise Unavailable(held.reason, held.seconds) from None
        if outcome is Outcome.NOT_DUE and not in_time:
            raise Unavailable("there is no time left to renew it", 1.0)
        if outcome is Outcome.BUSY or outcome is Outcome.NOT_DUE:
            if time.monotonic() + poll >= until:
                raise Unavailable("the token is being renewed", 2.0)
            time.sleep(poll)
            poll = min(poll * 1.5, LONGEST_POLL)


def has_time_to_renew(until: float) -> bool:
    """Whether a token request that begins now is over by then (`time.monotonic()`).

    It is never cut short, because a refresh token that the provider rotates meanwhile would be lost. Who has less time
    takes what others bring or have left.
    """
    return until - time.monotonic() >= CALL_SECONDS


def needs_authorization(credential: Credential, actor: Actor) -> NeedsAuthorization:
    end_when_expired(credential, actor=actor, leeway=LEEWAY)
    try:
        credential.refresh_from_db(fields=["status", "status_code", "status_reason"])
    except Credential.DoesNotExist:
        return NeedsAuthorization("it was deleted")
    return NeedsAuthorization(credential.status_reason or explain.reason("not_authorized"))


def until_when(ready: Ready) -> datetime | None:
    """What a bot is told: ask again then. A token whose end nobody knows is good for the bounded default."""
    if ready.material.token is None or ready.expires_at is not None:
        return ready.expires_at
    return database_now() + timedelta(seconds=DEFAULT_LIFETIME_SECONDS)
