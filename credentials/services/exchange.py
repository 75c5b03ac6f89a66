"""Turn a consent into the first token (RFC 6749 §4.1.3), or ask for one where no consent is needed (§4.4.2)."""

import time
from contextlib import suppress
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
from credentials.services import account, breaker, endpoints, journal
from credentials.services.authorize import actor_of, give_up
from credentials.services.lease import CALL_SECONDS, LEASE, in_time, last_moment_to_store
from credentials.types.base import Material
from credentials.types.registry import room
from organizations.audit import Actor

ATTEMPTS_AT_MOST = 2
# Failures by which nothing is known of the provider.
OURS = frozenset({"secrets_unreadable", "invalid_request"})


class TooLate(Exception):
    """This process was suspended, and the exchange may be another's by now: a code that is sent twice is revoked."""


def exchange(authorization_id: UUID) -> bool:
    """Exchange the code of one authorization. False where another worker does or did it, or an edit has ended it.

    The claim is the conditional UPDATE from `received` to `exchanging`: a code is redeemed once, come what may.
    """
    since = time.monotonic()
    claimed = Authorization.objects.filter(pk=authorization_id, status=AuthorizationStatus.RECEIVED).update(
        status=AuthorizationStatus.EXCHANGING, claimed_at=database_now()
    )
    authorization = find(authorization_id) if claimed else None
    if authorization is None:
        return False
    request(authorization, since)
    return True


def take_up(authorization_id: UUID) -> bool:
    """Go on with an exchange whose worker died: from the stored answer, or else by one more request.

    False where it is not interrupted, or another worker takes it up.
    """
    since, now = time.monotonic(), database_now()
    mine = Authorization.objects.filter(
        pk=authorization_id, status=AuthorizationStatus.EXCHANGING, claimed_at__lt=now - LEASE
    ).update(claimed_at=now)
    authorization = find(authorization_id) if mine else None
    if authorization is None:
        return False
    attempts = list(authorization.attempts.order_by("started_at"))
    answered = [attempt for attempt in attempts if attempt.state == AttemptState.ANSWERED]
    if answered:
        with suppress(journal.Gone):
            settle(authorization, answered[-1])
        return True
    for attempt in attempts:
        if attempt.state == AttemptState.STARTED:
            journal.close(attempt, AttemptState.FAILED, now, error="interrupted")
    if len(attempts) >= ATTEMPTS_AT_MOST:
        return give_up(authorization, "interrupted", "", expected=AuthorizationStatus.EXCHANGING, actor=Actor.worker())
    request(authorization, since)
    return True


def find(authorization_id: UUID) -> Authorization | None:
    """With its credential and person, as they are together; None where the credential was deleted or changed meanwhile.

    An edit that ends the authorization erases its code, and the credential is by then another one.
    """
    rows = Authorization.objects.select_related("credential__organization", "credential__token", "user")
    return rows.filter(pk=authorization_id, status=AuthorizationStatus.EXCHANGING).first()


def request(authorization: Authorization, since: float) -> None:
    """Ask the token endpoint, with the journal around the call. `since`: the claim, on the monotonic clock.

    A deleted credential ends it silently.
    """
    try:
        attempt = journal.begin(
            authorization.credential.token, grant_of(authorization), database_now(), authorization=authorization
        )
        try:
            ask(authorization, attempt, since)
        except OAuthFailure as failure:
            note(authorization, failure)
            fail(authorization, attempt, failure)
        else:
            settle(authorization, attempt, heard=True)
    except journal.Gone:
        return
    except TooLate:
        # Nothing was sent, so it does not count as an attempt. The sweep takes the exchange up.
        attempt.delete()


def grant_of(authorization: Authorization) -> Grant:
    return Grant.AUTHORIZATION_CODE if authorization.code else Grant.CLIENT_CREDENTIALS


def ask(authorization: Authorization, attempt: TokenAttempt, since: float) -> None:
    """One call to the token endpoint; its answer is stored and not yet looked at.

    Raises `OAuthFailure`, `TooLate` and `journal.Gone`.
    """
    credential = authorization.credential
    life_cycle = room(credential.kind).life_cycle
    if life_cycle is None:
        raise OAuthFailure("invalid_request", "", permanent=True)
    try:
        material = Material(credential.payload, credential.open_secrets())
        code, verifier = authorization.unseal("code"), authorization.unseal("verifier")
    except Unsealable:
        raise OAuthFailure("secrets_unreadable", "", permanent=True) from None
    if not in_time(since):
        raise TooLate
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
    journal.keep_answer(attempt, raw, last_moment_to_store(since))


def note(authorization: Authorization, failure: OAuthFailure | None) -> None:
    """Tell the breaker what came of a call, and remember where the token comes from."""
    credential = authorization.credential
    life_cycle = room(credential.kind).life_cycle
    if life_cycle is None or (failure is not None and failure.code in OURS):
        return
    with transaction.atomic():
        # Locked, so that it is not deleted as unused before the token refers to it.
        endpoint = endpoints.found(life_cycle.endpoint(credential.payload), lock=True)
        OAuthToken.objects.filter(pk=credential.pk).exclude(endpoint=endpoint).update(endpoint=endpoint)
    if failure is None or failure.permanent:
        breaker.note_answer(endpoint)
    else:
        breaker.note_failure(endpoint, failure, token_id=credential.pk, organization_id=credential.organization_id)


def settle(authorization: Authorization, attempt: TokenAttempt, *, heard: bool = False) -> None:
    """Parse the stored answer, swap the token and end the authorization in one transaction. `heard`: it came just now.

    Where it is another account's than before, the grant is kept aside and a person is asked.
    """
    try:
        tokens = answer.parse(journal.kept_answer(attempt), secrets=journal.sent_secrets(attempt))
    except OAuthFailure as failure:
        if heard:
            note(authorization, failure)
        fail(authorization, attempt, failure)
        return
    except Unsealable:
        fail(authorization, attempt, OAuthFailure("secrets_unreadable", "", permanent=True))
        return
    if heard:
        note(authorization, None)
    granted_by = account.who(authorization, tokens)
    now = database_now()
    came_of_it = account.columns(tokens, granted_by, now)
    if account.is_another(account.former(authorization), granted_by):
        account.ask(authorization, attempt, came_of_it, now)
        return
    with transaction.atomic():
        journal.lock(authorization.credential_id)
        ended = Authorization.objects.filter(pk=authorization.pk, status=AuthorizationStatus.EXCHANGING).update(
            status=AuthorizationStatus.SUCCEEDED, code="", verifier="", finished_at=now, **came_of_it
        )
        if not ended:
            journal.close(attempt, AttemptState.FAILED, now, error="superseded")
            return
        account.drop_older_questions(authorization, now)
        if granted_by:
            account.forget_older(authorization, now)
        journal.apply(attempt, tokens, actor=actor_of(authorization))


def fail(authorization: Authorization, attempt: TokenAttempt, failure: OAuthFailure) -> None:
    with transaction.atomic():
        journal.lock(authorization.credential_id)
        journal.close(attempt, AttemptState.FAILED, database_now(), error=failure.code)
        give_up(
            authorization,
            failure.code,
            failure.description,
            expected=AuthorizationStatus.EXCHANGING,
            actor=actor_of(authorization),
        )
