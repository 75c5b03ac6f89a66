"""Every request to a token endpoint, from "about to be sent" to "applied" or "failed".

The order is the point: the attempt is written, the call is made, the raw answer is sealed and stored, only then is it
parsed, and the token is swapped where its generation still matches. Each function here is one durable step.
"""

from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, Credential, OAuthToken, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.models.leased import Attempt, AttemptState, Grant, LeasedToken
from credentials.oauth.answer import DEFAULT_LIFETIME_SECONDS, TokenSet
from credentials.oauth.client import RawAnswer
from credentials.oauth.errors import OAuthFailure
from credentials.services import explain, schedule
from credentials.services.lease import Lease
from credentials.services.records import record
from credentials.types.base import Material
from credentials.types.registry import room
from organizations.audit import Actor


class Gone(Exception):
    """The credential was deleted meanwhile: there is nothing left to ask for or to write down."""


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


def keep_answer(attempt: Attempt, raw: RawAnswer) -> None:
    """Seal and store what the provider said, before anybody looks into it. Raises `Gone`."""
    attempt.seal("answer", raw.to_json())
    attempt.state = AttemptState.ANSWERED
    if not type(attempt)._default_manager.filter(pk=attempt.pk).update(answer=attempt.answer, state=attempt.state):
        raise Gone


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


def apply(attempt: TokenAttempt, tokens: TokenSet, now: datetime, *, actor: Actor, lease: Lease | None = None) -> bool:
    """Swap the token, in one write. False where the generation has moved on: then nothing is changed.

    With a lease it is a renewal: an answer without refresh token keeps the old one (RFC 6749 §6). Without one it is the
    first token of a new authorization, which replaces everything that came from the one before; so is one that nobody
    had to authorize, where there is nothing yet. Raises `Gone`.
    """
    with transaction.atomic():
        credential, token = lock(attempt.token_id)
        if lease and has_moved_on(token, lease):
            close(attempt, AttemptState.FAILED, now, error="superseded")
            return False
        renewal = lease is not None and bool(token.access_token or token.refresh_token)
        has_refresh_token = bool(tokens.refresh_token) or (renewal and bool(token.refresh_token))
        life_cycle = room(credential.kind).life_cycle
        renews = life_cycle is not None and life_cycle.can_renew(
            credential.payload, has_refresh_token=has_refresh_token
        )
        # RFC 6749 §5.1: a scope that is not said is the one that was asked for, or the one before.
        scope = token.scope if renewal else asked_scope(credential)
        swap(token, tokens, now, renews=renews, renewal=renewal, scope=scope)
        token.save()
        close(attempt, AttemptState.APPLIED, now)
        forget_older(token, now)
        Credential.objects.filter(pk=credential.pk).update(
            status=Status.ACTIVE,
            status_code="",
            status_reason="",
            status_changed_at=now if credential.status != Status.ACTIVE else F("status_changed_at"),
            expires_at=None if renews else token.expires_at,
        )
        record(
            credential,
            actor,
            "token.refreshed" if renewal else "token.obtained",
            grant=attempt.grant,
            generation=token.generation,
            renews_itself=renews,
        )
    return True


def swap(token: LeasedToken, tokens: TokenSet, now: datetime, *, renews: bool, renewal: bool, scope: str) -> None:
    """Put the new tokens into the row, which the caller has locked and saves. The lease ends with it.

    A renewal without refresh token keeps the old one (RFC 6749 §6). `scope` counts where the answer names none.
    """
    lifetime = tokens.expires_in
    if lifetime is None and renews:
        lifetime = DEFAULT_LIFETIME_SECONDS
    token.seal("access_token", tokens.access_token)
    if tokens.refresh_token:
        token.seal("refresh_token", tokens.refresh_token)
    elif not renewal:
        token.refresh_token = ""
    token.token_type = tokens.token_type
    token.scope = tokens.scope if tokens.scope is not None else scope
    token.obtained_at = now
    token.expires_at = now + timedelta(seconds=lifetime) if lifetime is not None else None
    token.refresh_at = schedule.refresh_moment(now, lifetime) if renews and lifetime is not None else None
    token.failures, token.last_error, token.last_error_at = 0, "", None
    token.generation += 1
    token.lease_owner, token.lease_until = "", None


def note_failure(token: LeasedToken, failure: OAuthFailure, now: datetime) -> None:
    """Put a failed renewal into the row, which the caller has locked and saves. The lease ends with it."""
    token.failures += 1
    token.last_error, token.last_error_at = explain.reason(failure.code, failure.description), now
    token.refresh_at = None if failure.permanent else schedule.retry_moment(now, token.failures, failure.retry_after)
    token.lease_owner, token.lease_until = "", None


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


def has_moved_on(token: LeasedToken, lease: Lease) -> bool:
    """Whether somebody else has swapped the token, or holds its lease."""
    return token.generation != lease.generation or token.lease_owner != lease.owner


def lock(credential_id: UUID) -> tuple[Credential, OAuthToken]:
    """The credential and its token, locked in the order in which an edit changes them. Raises `Gone`."""
    try:
        credential = (
            Credential.objects.select_related("organization")
            .select_for_update(of=("self",), no_key=True)
            .get(pk=credential_id)
        )
        token = OAuthToken.objects.select_for_update(no_key=True).get(pk=credential_id)
    except (Credential.DoesNotExist, OAuthToken.DoesNotExist):
        raise Gone from None
    return credential, token


def forget_older(token: OAuthToken, now: datetime) -> None:
    """End the attempts that the swap has overtaken: a sealed answer that nobody can apply is a secret too many."""
    TokenAttempt.objects.filter(token=token, generation__lt=token.generation, finished_at=None).exclude(
        authorization__status=AuthorizationStatus.EXCHANGING
    ).update(state=AttemptState.FAILED, error="superseded", answer="", finished_at=now)


def asked_scope(credential: Credential) -> str:
    life_cycle = room(credential.kind).life_cycle
    return life_cycle.requested_scope(credential.payload) if life_cycle else ""


def fail_renewal(attempt: TokenAttempt, failure: OAuthFailure, now: datetime, *, actor: Actor, lease: Lease) -> bool:
    """Note a renewal that did not succeed and give the lease back. False where the generation has moved on.

    A permanent failure ends the trying at once. A transient one sets the next moment to try and never ends a credential
    by itself, however often it happens. Raises `Gone`.
    """
    with transaction.atomic():
        credential, token = lock(attempt.token_id)
        close(attempt, AttemptState.FAILED, now, error=failure.code)
        if has_moved_on(token, lease):
            return False
        note_failure(token, failure, now)
        token.save()
        if failure.permanent:
            ended = Status.NEEDS_AUTHORIZATION if failure.code == "invalid_grant" else Status.FAILED
            set_status(credential, ended, failure.code, token.last_error, now)
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
    attempt.state, attempt.error, attempt.finished_at, attempt.answer = state, error[:100], now, ""
    rows = type(attempt)._default_manager.filter(pk=attempt.pk)
    rows.update(state=state, error=attempt.error, finished_at=now, answer="")


def set_status(credential: Credential, status: Status, code: str, reason: str, now: datetime) -> None:
    """Change what a person is told. Leaves `updated_at` alone: that belongs to people's edits."""
    Credential.objects.filter(pk=credential.pk).update(
        status=status,
        status_code=code[:100],
        status_reason=reason,
        status_changed_at=now if credential.status != status else F("status_changed_at"),
    )
