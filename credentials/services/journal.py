"""Every request to a token endpoint, from "about to be sent" to "applied" or "failed".

The order is the point: the attempt is written, the call is made, the raw answer is sealed and stored, only then is it
parsed, and the token is swapped where its generation still matches. Each function here is one durable step.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, Credential, OAuthToken, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.models.leased import Attempt, AttemptState, Grant, LeasedToken
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import RawAnswer
from credentials.oauth.errors import OAuthFailure
from credentials.services import explain, notices, schedule, swapping
from credentials.services.lease import Lease, release
from credentials.services.patience import insist
from credentials.services.records import record
from credentials.services.swapping import Gone, Swap, has_moved_on, swap
from credentials.services.together import Together
from credentials.types.base import Material
from credentials.types.registry import room
from organizations.audit import Actor
from organizations.sql import recordset

__all__ = ["Gone", "has_moved_on", "swap"]

logger = logging.getLogger(__name__)


def begin(
    token: OAuthToken, grant: Grant, now: datetime, *, authorization: Authorization | None = None
) -> TokenAttempt:
    """Write down that a request is about to be sent. Raises `Gone`."""
    try:
        with transaction.atomic():
            return TokenAttempt.objects.create(
                token=token,
                organization_id=token.organization_id,
                authorization=authorization,
                grant=grant,
                generation=token.generation,
                host=host_of(token_endpoint(token.credential)),
                started_at=now,
            )
    except IntegrityError:
        raise Gone from None


def token_endpoint(credential: Credential) -> str:
    life_cycle = room(credential.kind).life_cycle
    return life_cycle.endpoint(credential.payload) if life_cycle else ""


def host_of(url: str) -> str:
    """What the requests to an address are counted under; "" where it has no host."""
    try:
        return (urlsplit(url).hostname or "")[:255]
    except ValueError:
        return ""


def keep_answer(attempt: Attempt, raw: RawAnswer, until: float = 0.0) -> None:
    """Seal and store what the provider said, before anybody looks into it. Raises `Gone`.

    What the provider has rotated is nowhere else: a database that is away (a restart, a failover) is asked again and
    again `until` then (`time.monotonic()`), as long as the claim lasts.
    """
    attempt.seal("answer", raw.to_json())
    attempt.state = AttemptState.ANSWERED
    insist(lambda: _keep(attempt), until=until)


def keep_all(attempts: Sequence[Attempt]) -> Sequence[None]:
    """Store answers that have been sealed. Raises `Gone` where any attempt is not there any more."""
    for model in {type(attempt) for attempt in attempts}:
        of_model = [attempt for attempt in attempts if type(attempt) is model]
        # Those that are there may well be stored.
        if recordset.update_all(of_model, "answer", "state") != len(of_model):
            raise Gone
    return [None] * len(attempts)


_keep: Together[Attempt, None] = Together(keep_all)


def kept_answer(attempt: Attempt) -> RawAnswer:
    """The stored answer of an attempt that was interrupted after it. Raises `Unsealable`."""
    return RawAnswer.from_json(cast(dict[str, Any], attempt.unseal("answer")))


def sent_secrets(attempt: TokenAttempt) -> list[str]:
    """What a request carried that its answer must not be quoted with, should the provider echo it."""
    token, authorization = attempt.token, attempt.authorization
    try:
        credential = token.credential
        material = Material(credential.payload, credential.open_secrets())
        opened = [*room(credential.kind).secret_texts(material), token.unseal("refresh_token")]
        if authorization is not None:
            opened += [authorization.unseal("code"), authorization.unseal("verifier")]
    except Unsealable:
        return []
    return [secret for secret in opened if isinstance(secret, str) and secret]


def apply(attempt: TokenAttempt, tokens: TokenSet, *, actor: Actor, lease: Lease | None = None) -> bool:
    """Swap the token, in one write. False where the generation has moved on: then nothing is changed.

    With a lease it is a renewal: an answer without refresh token keeps the old one (RFC 6749 §6). Without one it is the
    first token of a new authorization, which replaces everything that came from the one before; so is one that nobody
    had to authorize, where there is nothing yet. Raises `Gone`.
    """
    return _apply(Swap(attempt, tokens, actor, lease))


def apply_in_passing(attempt: TokenAttempt, tokens: TokenSet, *, actor: Actor, lease: Lease) -> None:
    """Leave a renewal's swap to the thread that writes, so that this one can ask for the next token.

    The answer is stored already: should nobody come to swap it, whoever wins the lease next does. The swap gives the
    lease back; where there was none it is given back here. It ends by itself where the database is away.
    """

    def done(applied: bool | None, error: Exception | None) -> None:
        if error is not None and not isinstance(error, Gone):
            logger.error("The token %s could not be swapped.", attempt.token_id, exc_info=error)
        if not (applied or isinstance(error, DatabaseError)):
            release(lease)

    _apply.later(Swap(attempt, tokens, actor, lease), done)


_apply: Together[Swap, bool] = Together(swapping.apply_all)


def note_failure(
    token: LeasedToken, failure: OAuthFailure, now: datetime, *, held_until: datetime | None = None
) -> None:
    """Put a failed renewal into the row, which the caller has locked and saves. The lease ends with it."""
    token.last_error, token.last_error_at = explain.reason(failure.code, failure.description), now
    token.lease_owner, token.lease_until = "", None
    if held_until is not None:
        # Behind the others: a token at which a provider stumbles must not be the one that probes for ever.
        token.refresh_at = held_until
        return
    token.failures += 1
    token.refresh_at = None if failure.permanent else schedule.retry_moment(now, token.failures, failure.retry_after)


def note_interruption(token: LeasedToken, now: datetime, lease: Lease) -> bool:
    """Count a renewal whose process died. True where the next one has to wait for its moment.

    The first is repeated at once. One that follows other failures waits like them, so that a token at which one
    process after another dies is no reason to call its token endpoint for ever.
    """
    has_to_wait = token.failures > 0
    token.failures += 1
    if has_to_wait:
        token.refresh_at = schedule.retry_moment(now, token.failures, None)
    lease.model._default_manager.filter(pk=token.pk, lease_owner=lease.owner).update(
        failures=token.failures, refresh_at=token.refresh_at
    )
    return has_to_wait


def lock(credential_id: UUID) -> tuple[Credential, OAuthToken]:
    """The credential and its token, locked in this order, and before any authorization of it. Raises `Gone`."""
    return swapping.lock_all([credential_id])[credential_id]


def drop_kept_aside(credential_id: UUID, now: datetime, *, but: Authorization | None = None) -> None:
    """Erase the grants of another account about which somebody was asked: what has happened since answers that."""
    asked = TokenAttempt.objects.filter(token_id=credential_id, authorization__status=AuthorizationStatus.ASKING)
    asked.filter(finished_at=None).exclude(authorization=but).update(
        state=AttemptState.FAILED, error="superseded", answer="", finished_at=now
    )


def fail_renewal(
    attempt: TokenAttempt,
    failure: OAuthFailure,
    now: datetime,
    *,
    actor: Actor,
    lease: Lease,
    held_until: datetime | None = None,
) -> bool:
    """Note a renewal that did not succeed and give the lease back. False where the generation has moved on.

    A permanent failure ends the trying at once. A transient one sets the next moment to try and never ends a credential
    by itself, however often it happens; where the provider is known to be down (`held_until`) it does not even count.
    Raises `Gone`.
    """
    with transaction.atomic():
        credential, token = lock(attempt.token_id)
        close(attempt, AttemptState.FAILED, now, error=failure.code)
        if has_moved_on(token, lease):
            return False
        note_failure(token, failure, now, held_until=held_until)
        token.save()
        if failure.permanent:
            ended = Status.NEEDS_AUTHORIZATION if failure.code == "invalid_grant" else Status.FAILED
            set_status(credential, ended, failure.code, token.last_error, now)
            if (credential.status, credential.status_code) != (ended, failure.code):
                notices.needs_somebody(credential, ended, failure.code)
        elif not token.lives_at(now):
            set_status(credential, Status.FAILED, failure.code, token.last_error, now)
        record(
            credential,
            actor,
            "token.refresh_failed",
            outcome="failed",
            grant=attempt.grant,
            error=failure.code,
            final=failure.permanent,
        )
    return True


def interrupted(attempt: TokenAttempt, now: datetime, *, lease: Lease) -> bool:
    """End a renewal whose process died without an answer. True where the next one has to wait for its moment."""
    with transaction.atomic():
        _, token = lock(attempt.token_id)
        close(attempt, AttemptState.FAILED, now, error="interrupted")
        return note_interruption(token, now, lease)


def close(attempt: Attempt, state: AttemptState, now: datetime, *, error: str = "") -> None:
    """End an attempt and erase the answer that it kept."""
    swapping.close_all([attempt], state, now, error=error)


def set_status(credential: Credential, status: Status, code: str, reason: str, now: datetime) -> None:
    """Change what a person is told. Leaves `updated_at` alone: that belongs to people's edits."""
    Credential.objects.filter(pk=credential.pk).update(
        status=status,
        status_code=code[:100],
        status_reason=reason,
        status_changed_at=now if credential.status != status else F("status_changed_at"),
    )
