"""Turn a consent into the first token (RFC 6749 §4.1.3), or ask for one where no consent is needed (§4.4.2)."""

from uuid import UUID

from django.db import transaction

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, OAuthToken, TokenAttempt
from credentials.models.authorization import AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.token import AttemptState, Grant
from credentials.oauth import answer
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter
from credentials.services import journal
from credentials.services.authorize import actor_of, give_up
from credentials.services.lease import CALL_SECONDS, LEASE
from credentials.types.base import Material
from credentials.types.registry import room
from organizations.audit import Actor

ATTEMPTS_AT_MOST = 2


def exchange(authorization_id: UUID) -> bool:
    """Exchange the code of one authorization. False where another worker does or did it.

    The claim is the conditional UPDATE from `received` to `exchanging`: a code is redeemed once, come what may.
    """
    claimed = Authorization.objects.filter(pk=authorization_id, status=AuthorizationStatus.RECEIVED).update(
        status=AuthorizationStatus.EXCHANGING, claimed_at=database_now()
    )
    if not claimed:
        return False
    authorization = Authorization.objects.select_related("credential__organization", "user").get(pk=authorization_id)
    request(authorization)
    return True


def take_up(authorization_id: UUID) -> bool:
    """Go on with an exchange whose worker died: from the stored answer, or else by one more request.

    False where it is not interrupted, or another worker takes it up.
    """
    now = database_now()
    mine = Authorization.objects.filter(
        pk=authorization_id, status=AuthorizationStatus.EXCHANGING, claimed_at__lt=now - LEASE
    ).update(claimed_at=now)
    if not mine:
        return False
    authorization = Authorization.objects.select_related("credential__organization", "user").get(pk=authorization_id)
    attempts = list(authorization.attempts.order_by("started_at"))
    answered = [attempt for attempt in attempts if attempt.state == AttemptState.ANSWERED]
    if answered:
        settle(authorization, answered[-1])
        return True
    for attempt in attempts:
        if attempt.state == AttemptState.STARTED:
            journal.close(attempt, AttemptState.FAILED, now, error="interrupted")
    if len(attempts) >= ATTEMPTS_AT_MOST:
        return give_up(authorization, "interrupted", "", expected=AuthorizationStatus.EXCHANGING, actor=Actor.worker())
    request(authorization)
    return True


def request(authorization: Authorization) -> None:
    """Ask the token endpoint, with the journal around the call."""
    token = OAuthToken.objects.get(pk=authorization.credential_id)
    attempt = journal.begin(token, grant_of(authorization), database_now(), authorization=authorization)
    try:
        ask(authorization, attempt)
    except OAuthFailure as failure:
        fail(authorization, attempt, failure)
    else:
        settle(authorization, attempt)


def grant_of(authorization: Authorization) -> Grant:
    return Grant.AUTHORIZATION_CODE if authorization.code else Grant.CLIENT_CREDENTIALS


def ask(authorization: Authorization, attempt: TokenAttempt) -> None:
    """One call to the token endpoint; its answer is stored and not yet looked at. Raises `OAuthFailure`."""
    credential = authorization.credential
    life_cycle = room(credential.kind).life_cycle
    if life_cycle is None:
        raise OAuthFailure("invalid_request", "", permanent=True)
    try:
        material = Material(credential.payload, credential.open_secrets())
        code, verifier = authorization.unseal("code"), authorization.unseal("verifier")
    except Unsealable:
        raise OAuthFailure("secrets_unreadable", "", permanent=True) from None
    transport = GuardedAdapter(deadline=CALL_SECONDS)
    try:
        raw = life_cycle.obtain(
            material,
            code=str(code or ""),
            redirect_uri=authorization.redirect_uri,
            verifier=str(verifier) if verifier else None,
            transport=transport,
        )
    finally:
        transport.close()
    journal.keep_answer(attempt, raw)


def settle(authorization: Authorization, attempt: TokenAttempt) -> None:
    """Parse the stored answer, swap the token and end the authorization in one transaction."""
    try:
        tokens = answer.parse(journal.kept_answer(attempt), secrets=journal.sent_secrets(attempt))
    except OAuthFailure as failure:
        fail(authorization, attempt, failure)
        return
    except Unsealable:
        fail(authorization, attempt, OAuthFailure("secrets_unreadable", "", permanent=True))
        return
    now = database_now()
    with transaction.atomic():
        ended = Authorization.objects.filter(pk=authorization.pk, status=AuthorizationStatus.EXCHANGING).update(
            status=AuthorizationStatus.SUCCEEDED, code="", verifier="", finished_at=now
        )
        if not ended:
            journal.close(attempt, AttemptState.FAILED, now, error="superseded")
            return
        journal.apply(attempt, tokens, now, actor=actor_of(authorization))


def fail(authorization: Authorization, attempt: TokenAttempt, failure: OAuthFailure) -> None:
    with transaction.atomic():
        journal.close(attempt, AttemptState.FAILED, database_now(), error=failure.code)
        give_up(
            authorization,
            failure.code,
            failure.description,
            expected=AuthorizationStatus.EXCHANGING,
            actor=actor_of(authorization),
        )
