"""Turn a consumer's code into the token of one conversation: claimed once, and its answer stored before it is read.

A provider that is down is asked by one probe at a time, as by renewals (`services/breaker.py`); codes wait meanwhile.
"""

import time
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import F

from credentials.crypto.envelope import Unsealable
from credentials.models import ConsumerChallenge, TokenEndpoint
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.oauth import answer
from credentials.oauth import client as oauth
from credentials.oauth.answer import DEFAULT_LIFETIME_SECONDS, TokenSet
from credentials.oauth.client import RawAnswer
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter
from credentials.services import breaker, challenges, endpoints, id_tokens, notices
from credentials.services.addresses import account_callback
from credentials.services.breaker import Held
from credentials.services.id_tokens import InvalidIdToken
from credentials.services.identity_provider import NoIdentityProvider, client_of, required
from credentials.services.lease import CALL_SECONDS, LEASE, in_time, last_moment_to_store
from credentials.services.patience import insist
from credentials.services.records import record
from organizations.audit import Actor

ATTEMPTS_AT_MOST = 2
LATER = frozenset({"keys_unavailable"})  # the answer is stored: the sweep reads it again


def exchange(challenge_id: UUID) -> bool:
    """Exchange the code, or go on where a dead worker left off. False where there is nothing to do now.

    The claim is a conditional UPDATE: of any number of workers one has it.
    """
    since, now = time.monotonic(), database_now()
    rows = ConsumerChallenge.objects.filter(pk=challenge_id)
    claim: dict[str, Any] = {"status": ChallengeStatus.EXCHANGING, "claimed_at": now}
    if not rows.filter(status=ChallengeStatus.RECEIVED).update(**claim) and not rows.filter(
        status=ChallengeStatus.EXCHANGING, claimed_at__lt=now - LEASE
    ).update(**claim):
        return False
    challenge = rows.select_related("credential__organization__account").first()
    if challenge is None:
        return False
    try:
        asked = None if challenge.answer else ask(challenge, since)
        settle(challenge, asked)
    except Held:
        return not wait(challenge)
    except NoIdentityProvider:
        fail(challenge, "changed")
    except Unsealable:
        fail(challenge, "secrets_unreadable")
    except InvalidIdToken:
        fail(challenge, "invalid_id_token")
    except OAuthFailure as failure:
        if failure.code not in LATER:
            fail(challenge, failure.code, failure.description)
    return True


def fail(challenge: ConsumerChallenge, code: str, said: str = "") -> None:
    challenges.give_up(challenge, code, said, expected=ChallengeStatus.EXCHANGING)


def wait(challenge: ConsumerChallenge) -> bool:
    """The provider is down and was not asked: the sweep tries again while the code may be good. False where it ends."""
    if challenge.expires_at <= database_now():
        fail(challenge, "provider_down")
        return False
    rows = ConsumerChallenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.EXCHANGING)
    rows.update(status=ChallengeStatus.RECEIVED)
    return True


def ask(challenge: ConsumerChallenge, since: float) -> TokenEndpoint | None:
    """One call to the token endpoint (RFC 6749 §4.1.3); its answer is stored and not yet looked at.

    Returns who was asked; None where it is too late for that. Raises `Held` and `OAuthFailure`.
    """
    if challenge.attempts >= ATTEMPTS_AT_MOST or challenge.expires_at <= database_now() - LEASE:
        raise OAuthFailure("interrupted", "", permanent=True)
    client = client_of(required(challenge.account_id))
    code, verifier = challenge.unseal("code"), challenge.unseal("verifier")
    if not in_time(since):
        return None
    endpoint = enter(challenge, client.token_url)
    ConsumerChallenge.objects.filter(pk=challenge.pk).update(attempts=F("attempts") + 1)
    transport = GuardedAdapter(deadline=CALL_SECONDS)
    try:
        raw = oauth.exchange_code(
            client,
            code=str(code or ""),
            redirect_uri=account_callback(challenge.credential.organization.account.number),
            verifier=str(verifier) if verifier else None,
            transport=transport,
        )
    except OAuthFailure as failure:
        note(endpoint, challenge, failure)
        raise
    finally:
        transport.close()
    challenge.seal("answer", raw.to_json())
    stored = ConsumerChallenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.EXCHANGING)
    # The code is used up, so the token is nowhere else: a database that is away is asked again while the claim lasts.
    insist(lambda: stored.update(answer=challenge.answer), until=last_moment_to_store(since))
    return endpoint


def enter(challenge: ConsumerChallenge, url: str) -> TokenEndpoint:
    """Let the call through, or be the probe, or raise `Held` where the provider is down."""
    with transaction.atomic():
        endpoint = endpoints.found(url, lock=True)
        now = endpoint.read_at = database_now()
        breaker.pass_or_hold(endpoint, challenge.pk, now)
    return endpoint


def note(endpoint: TokenEndpoint, challenge: ConsumerChallenge, failure: OAuthFailure | None) -> None:
    """Tell the breaker what came of the call. A refusal in OAuth's words is an answer."""
    if failure is None or failure.permanent:
        breaker.note_answer(endpoint)
    else:
        breaker.note_failure(endpoint, failure, token_id=challenge.pk, organization_id=challenge.organization_id)


def settle(challenge: ConsumerChallenge, asked: TokenEndpoint | None) -> None:
    """Read the stored answer, find out who it was, and keep the access token for this conversation.

    `asked` is who gave the answer just now. A refresh token that came along is ignored and goes with the answer.
    Raises `OAuthFailure`, `InvalidIdToken`, `Unsealable`.
    """
    if not challenge.answer:
        return
    raw = RawAnswer.from_json(cast(dict[str, Any], challenge.unseal("answer")))
    sent = (
        challenge.unseal("code"),
        challenge.unseal("verifier"),
        client_of(required(challenge.account_id)).client_secret,
    )
    try:
        tokens = answer.parse(raw, secrets=[str(value) for value in sent if value])
    except OAuthFailure as failure:
        if asked:
            note(asked, challenge, failure)
        raise
    if asked:
        note(asked, challenge, None)
    subject = who(challenge, tokens)
    if challenge.subject and subject != challenge.subject:
        fail(challenge, "wrong_subject" if subject else "subject_unknown")
        return
    keep(challenge, tokens, subject)


def who(challenge: ConsumerChallenge, tokens: TokenSet) -> str:
    """The subject of the ID token; "" where there is none."""
    if tokens.id_token is None:
        return ""
    nonce = str(challenge.unseal("id_token_nonce"))
    return id_tokens.verify(required(challenge.account_id), tokens.id_token, nonce=nonce).subject


def keep(challenge: ConsumerChallenge, tokens: TokenSet, subject: str) -> None:
    now = database_now()
    done = ChallengeStatus.UNCONFIRMED if challenge.confirm else ChallengeStatus.SUCCEEDED
    challenge.seal("access_token", tokens.access_token)
    if challenge.confirm:
        challenge.seal("confirmation", challenges.new_confirmation())
    with transaction.atomic():
        kept = ConsumerChallenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.EXCHANGING).update(
            **{
                **challenges.ERASED,
                "access_token": challenge.access_token,
                "confirmation": challenge.confirmation,
            },
            status=done,
            token_type=tokens.token_type,
            scope=tokens.scope or "",
            token_expires_at=now + timedelta(seconds=tokens.expires_in or DEFAULT_LIFETIME_SECONDS),
            authenticated_subject=subject,
            expires_at=now + challenges.CONFIRMATION_LIVES,
            finished_at=None if challenge.confirm else now,
        )
        if not kept or challenge.confirm:
            return
        challenges.forget_earlier(challenge)
        notices.challenge_ended(challenge, ChallengeStatus.SUCCEEDED)
        record(challenge.credential, Actor.worker(), "challenge.succeeded", challenge=challenge.pk.hex)
