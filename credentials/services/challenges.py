"""Ask a consumer to sign in during a conversation: the link, its one use, the way back, and whose token it is."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import transaction

from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, Credential
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.oauth import pkce, state
from credentials.oauth.errors import of_provider
from credentials.oauth.redaction import redact
from credentials.services import activation, notices, wake
from credentials.services.addresses import account_callback, consumer_link
from credentials.services.authorize import PARAMETER_AT_MOST, clean
from credentials.services.identity_provider import required
from credentials.services.records import record
from credentials.types.challenge import Challenge
from credentials.types.registry import room
from organizations.audit import Actor
from organizations.models import ServiceToken

LINK_LIVES = timedelta(minutes=30)
SIGN_IN_LIVES = timedelta(minutes=10)  # from the button to the way back
CONFIRMATION_LIVES = timedelta(minutes=10)
WRONG_CONFIRMATIONS_AT_MOST = 5
CONFIRMATION_DIGITS = 6

REASONS: Mapping[str, str] = {
    "expired": "nobody finished signing in in time",
    "access_denied": "the consumer, or the identity provider, declined",
    "subject_unknown": "the identity provider did not say who the consumer is, and somebody certain was expected",
    "wrong_subject": "somebody else than the expected consumer signed in",
    "wrong_confirmation": "a wrong confirmation code was sent too often",
    "changed": "the identity provider was changed meanwhile",
    "interrupted": "it was interrupted twice before the identity provider's answer arrived",
    "invalid_id_token": "the identity provider's ID token was not accepted",
    "iss_mismatch": "the answer did not come from the account's identity provider",
}


class NoChallenge(Exception):
    """Credentials of this type are not authenticated by a consumer during the conversation."""


class NotConfigured(Exception):
    """The credential and the account's identity provider do not go together. The message says why."""


class LinkRefused(Exception):
    """A link, or a way back, that leads nowhere any more. The message is for the consumer."""


class WrongConfirmation(Exception):
    """Not the code that the consumer's page shows."""


@dataclass(frozen=True)
class Sent:
    """A new challenge, and the link that the bot sends. It cannot be had again."""

    challenge: ConsumerChallenge
    url: str


def create(
    credential: Credential,
    *,
    conversation: str,
    subject: str,
    confirm: bool,
    actor: Actor,
    service_token: ServiceToken | None = None,
) -> Sent:
    """Make a one-time link. The webhook of the `service_token`, if it has one, hears how it ended.

    Raises `NoChallenge`, `NoIdentityProvider`, `NotConfigured`, `Deactivated`.
    """
    activation.require_active(credential)
    way, provider = way_of(credential), required(credential.account_id)
    if not provider.token_endpoint:
        raise NotConfigured("the account's identity provider has no token endpoint")
    if way.client_id(credential.payload) != provider.client_id:
        raise NotConfigured("the Authentication URL names another client_id than the account's identity provider")
    handle, now = state.new_state(), database_now()
    challenge = ConsumerChallenge(
        credential=credential,
        organization_id=credential.organization_id,
        account_id=credential.account_id,
        service_token=service_token,
        conversation=conversation,
        subject=subject,
        confirm=confirm,
        handle_digest=state.digest(handle),
        created_at=now,
        expires_at=now + LINK_LIVES,
    )
    with transaction.atomic():
        challenge.save(force_insert=True)
        record(credential, actor, "challenge.created", challenge=challenge.pk.hex)
    return Sent(challenge, consumer_link(handle))


def way_of(credential: Credential) -> Challenge:
    way = room(credential.kind).challenge
    if way is None:
        raise NoChallenge
    return way


def find(handle: str) -> ConsumerChallenge:
    """What a link leads to. Looking at it changes nothing. Raises `LinkRefused`."""
    challenge = (
        ConsumerChallenge.objects.select_related("credential__organization__account")
        .filter(handle_digest=state.digest(handle[:PARAMETER_AT_MOST]))
        .first()
    )
    if challenge is None:
        raise LinkRefused("This link is not known.")
    if challenge.status != ChallengeStatus.WAITING:
        raise LinkRefused("This link was already used.")
    if challenge.expires_at <= database_now():
        raise LinkRefused("This link has expired.")
    return challenge


def start(handle: str, *, nonce: str) -> str:
    """Use the link up, bind what follows to this browser (`nonce`), and say where to send it. Raises `LinkRefused`."""
    challenge = find(handle)
    provider = ConsumerIdentityProvider.objects.filter(account=challenge.account_id).first()
    if provider is None or challenge.credential.deactivated_at is not None:
        raise LinkRefused("Signing in is not possible at the moment.")
    secret_state, id_token_nonce = state.new_state(), state.new_state()
    verifier = pkce.new_verifier() if provider.use_pkce else None
    challenge.seal("id_token_nonce", id_token_nonce)
    challenge.seal("verifier", verifier)
    with transaction.atomic():
        started = ConsumerChallenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.WAITING).update(
            status=ChallengeStatus.STARTED,
            state_digest=state.digest(secret_state),
            nonce_digest=state.digest(nonce),
            id_token_nonce=challenge.id_token_nonce,
            verifier=challenge.verifier,
            expires_at=database_now() + SIGN_IN_LIVES,
        )
        if not started:
            raise LinkRefused("This link was already used.")
        record(challenge.credential, Actor.anonymous(), "challenge.started", challenge=challenge.pk.hex)
    return way_of(challenge.credential).authorization_url(
        challenge.credential.payload,
        redirect_uri=account_callback(challenge.credential.organization.account.number),
        state=secret_state,
        verifier=verifier,
        nonce=id_token_nonce,
    )


def take_callback(account_number: str, query: Mapping[str, str], *, nonce: str) -> ConsumerChallenge:
    """Accept the identity provider's answer, once. Raises `LinkRefused`; then nothing was changed or asked."""
    challenge = running(account_number, query.get("state", ""), nonce)
    provider = ConsumerIdentityProvider.objects.filter(account=challenge.account_id).first()
    issuer, code = query.get("iss"), query.get("code", "")
    error, said = of_provider(query.get("error", ""), query.get("error_description", ""))
    # RFC 9207 §2.4, as an exact string.
    wrong_server = provider is None or (issuer is not None and issuer != provider.issuer)
    if wrong_server or error or not code or len(code) > PARAMETER_AT_MOST:
        sent = [code, query.get("state", "")]
        why = "iss_mismatch" if wrong_server else clean(redact(error, sent))[:100] or "invalid_request"
        said = "" if wrong_server else clean(redact(said, sent))
        if not give_up(challenge, why, said, expected=ChallengeStatus.STARTED):
            raise LinkRefused("This answer was already used.")
        return challenge
    challenge.seal("code", code)
    with transaction.atomic():
        accepted = ConsumerChallenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.STARTED).update(
            status=ChallengeStatus.RECEIVED, code=challenge.code
        )
        if not accepted:
            raise LinkRefused("This answer was already used.")
        transaction.on_commit(partial(wake.challenge, challenge.pk))
    return challenge


def running(account_number: str, secret_state: str, nonce: str) -> ConsumerChallenge:
    """The challenge that this state belongs to, if account, browser and time are right."""
    challenge = (
        ConsumerChallenge.objects.select_related("credential__organization__account")
        .filter(account__number=account_number, state_digest=state.digest(secret_state[:PARAMETER_AT_MOST]))
        .first()
    )
    if challenge is None:
        raise LinkRefused("This answer belongs to nothing that was started here.")
    if not nonce or not state.matches(nonce, challenge.nonce_digest):
        raise LinkRefused("Signing in was started in another browser.")
    if challenge.status != ChallengeStatus.STARTED:
        raise LinkRefused("This answer was already used.")
    if challenge.expires_at <= database_now():
        raise LinkRefused("Signing in took too long.")
    return challenge


def of_browser(challenge_id: UUID, nonce: str) -> ConsumerChallenge | None:
    """For the page that follows the worker: only the browser that started it sees how it stands."""
    challenge = ConsumerChallenge.objects.select_related("credential__organization__account").filter(pk=challenge_id)
    found = challenge.first()
    return found if found and nonce and found.nonce_digest and state.matches(nonce, found.nonce_digest) else None


def give_up(challenge: ConsumerChallenge, code: str, said: str = "", *, expected: ChallengeStatus) -> bool:
    """End it without a token. False where it was no longer in the `expected` status."""
    with transaction.atomic():
        ended = ConsumerChallenge.objects.filter(pk=challenge.pk, status=expected).update(
            status=ChallengeStatus.FAILED,
            error=code,
            error_description=said,
            finished_at=database_now(),
            **ERASED,
        )
        if ended:
            notices.challenge_ended(challenge, ChallengeStatus.FAILED, error=code)
            record(
                challenge.credential,
                Actor.anonymous(),
                "challenge.failed",
                outcome="failed",
                error=code,
                challenge=challenge.pk.hex,
            )
    return bool(ended)


ERASED = {"code": "", "verifier": "", "id_token_nonce": "", "answer": "", "confirmation": "", "access_token": ""}


def new_confirmation() -> str:
    return f"{secrets.randbelow(10**CONFIRMATION_DIGITS):0{CONFIRMATION_DIGITS}}"


def confirm(challenge: ConsumerChallenge, code: str, *, actor: Actor) -> None:
    """What the consumer typed in the chat. Raises `WrongConfirmation`; after five of them the challenge has failed."""
    with transaction.atomic():
        row = ConsumerChallenge.objects.select_for_update().get(pk=challenge.pk)
        if row.status != ChallengeStatus.UNCONFIRMED or row.expires_at <= database_now():
            raise WrongConfirmation
        right = secrets.compare_digest(str(row.unseal("confirmation") or "").encode(), code.strip().encode())
        if right:
            row.status, row.confirmation, row.finished_at = ChallengeStatus.SUCCEEDED, "", database_now()
            row.save(update_fields=["status", "confirmation", "finished_at"])
            forget_earlier(row)
            notices.challenge_ended(row, ChallengeStatus.SUCCEEDED)
            record(challenge.credential, actor, "challenge.succeeded", challenge=challenge.pk.hex)
            return
        row.wrong_confirmations += 1
        row.save(update_fields=["wrong_confirmations"])
        if row.wrong_confirmations >= WRONG_CONFIRMATIONS_AT_MOST:
            give_up(challenge, "wrong_confirmation", expected=ChallengeStatus.UNCONFIRMED)
    raise WrongConfirmation


def forget_earlier(challenge: ConsumerChallenge) -> None:
    """A conversation has one consumer: the latest. Tokens of earlier ones are secrets too many."""
    same = {"credential": challenge.credential_id, "conversation": challenge.conversation}
    ConsumerChallenge.objects.filter(**same, status=ChallengeStatus.SUCCEEDED).exclude(pk=challenge.pk).update(
        access_token=""
    )


def of_conversation(credential: Credential, conversation: str) -> ConsumerChallenge | None:
    """The challenge whose token this conversation has. Another conversation never sees it."""
    return (
        ConsumerChallenge.objects.filter(
            credential=credential, conversation=conversation, status=ChallengeStatus.SUCCEEDED
        )
        .exclude(access_token="")
        .order_by("-finished_at")
        .first()
    )
