"""Renew one credential's token: under the lease, journalled, and finishing what a crash left behind."""

import enum
from uuid import UUID

from django.db import IntegrityError, transaction

from credentials.crypto.envelope import Unsealable
from credentials.models import OAuthToken, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.credential import Credential, Status
from credentials.models.token import AttemptState, Grant
from credentials.oauth import answer
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter
from credentials.services import explain, journal, lease
from credentials.services.lease import CALL_SECONDS, Lease
from credentials.services.records import record
from credentials.types.base import Material, TokenLifeCycle
from credentials.types.registry import room
from organizations.audit import Actor


class Outcome(enum.Enum):
    """What came of it.

    `BUSY`: another process is at it. `WAIT`: a transient failure, to be tried again at `refresh_at`. `ENDED`: only a
    person can help.
    """

    RENEWED = enum.auto()
    NOT_DUE = enum.auto()
    BUSY = enum.auto()
    WAIT = enum.auto()
    ENDED = enum.auto()


def refresh(credential_id: UUID, *, actor: Actor, instead_of: int | None = None) -> Outcome:
    """Renew the token if it is due, or if a dead process left a renewal unfinished.

    `instead_of` is the generation that a bot or a person found wanting: that one is renewed though it is not due,
    unless another process has just done so. Safe to call any number of times, late, and from any number of processes:
    the token endpoint hears of one.
    """
    token = OAuthToken.objects.filter(pk=credential_id).first()
    now = database_now()
    if token is None or (not token.generation and token.refresh_at is None):
        return Outcome.NOT_DUE
    orphaned = token.lease_until is not None and token.lease_until < now
    wanted = token.generation == instead_of or (token.refresh_at is not None and token.refresh_at <= now)
    if not (wanted or orphaned):
        return Outcome.NOT_DUE
    return work(token, actor, wanted=wanted)


def ask_for_first(credential: Credential) -> bool:
    """Make the first token of a type that starts by itself due. False where only a person can help.

    Once: where the provider has refused for good, there is nothing to ask for until somebody edits or authorizes.
    """
    life_cycle = room(credential.kind).life_cycle
    if life_cycle is None or not life_cycle.starts_by_itself:
        return False
    try:
        with transaction.atomic():
            OAuthToken.objects.get_or_create(credential=credential, organization_id=credential.organization_id)
            untried = OAuthToken.objects.filter(pk=credential.pk, access_token="", failures=0, refresh_at=None)
            untried.update(refresh_at=database_now())
    except IntegrityError:  # it was deleted meanwhile
        return False
    return OAuthToken.objects.filter(pk=credential.pk, refresh_at__isnull=False).exists()


def refresh_as_read(token: OAuthToken, *, actor: Actor) -> Outcome:
    """Renew a token that its reader found ended. `BUSY` where anybody has asked for it since it was read."""
    return work(token, actor, wanted=True)


def work(token: OAuthToken, actor: Actor, *, wanted: bool) -> Outcome:
    """Claim the lease, finish what was left unfinished, and renew where that is still `wanted`."""
    claimed = lease.claim(token)
    if claimed is None:
        return Outcome.BUSY
    try:
        outcome = finish_interrupted(token, claimed, actor)
        if outcome is not None:
            return outcome
        return renew(token, claimed, actor) if wanted else Outcome.NOT_DUE
    except journal.Gone:
        return Outcome.ENDED
    finally:
        lease.release(claimed)


def finish_interrupted(token: OAuthToken, claimed: Lease, actor: Actor) -> Outcome | None:
    """Apply the answer that a dead process had stored. None where there was none: then the old token is tried again.

    At once the first time; a token at which one process after another dies waits longer and longer.
    """
    left = TokenAttempt.objects.filter(
        token=token,
        generation=token.generation,
        grant__in=[Grant.REFRESH_TOKEN, Grant.CLIENT_CREDENTIALS],
        authorization=None,
        state__in=[AttemptState.STARTED, AttemptState.ANSWERED],
    ).order_by("-started_at")
    outcome: Outcome | None = None
    for attempt in left:
        if attempt.state == AttemptState.ANSWERED and outcome is None:
            outcome = settle(attempt, claimed, actor)
        elif journal.interrupted(attempt, database_now(), lease=claimed):
            outcome = outcome or Outcome.WAIT
    return outcome


def renew(token: OAuthToken, claimed: Lease, actor: Actor) -> Outcome:
    """Ask the token endpoint, with the journal around the call."""
    credential = token.credential
    life_cycle = room(credential.kind).life_cycle
    if life_cycle is None or not life_cycle.can_renew(credential.payload, has_refresh_token=bool(token.refresh_token)):
        OAuthToken.objects.filter(pk=token.pk).update(refresh_at=None)
        return Outcome.ENDED
    grant = Grant.REFRESH_TOKEN if token.refresh_token else Grant.CLIENT_CREDENTIALS
    attempt = journal.begin(token, grant, database_now())
    try:
        ask(token, credential, life_cycle, attempt, claimed)
    except OAuthFailure as failure:
        return after_failure(attempt, failure, claimed, actor)
    return settle(attempt, claimed, actor)


def ask(
    token: OAuthToken, credential: Credential, life_cycle: TokenLifeCycle, attempt: TokenAttempt, claimed: Lease
) -> None:
    """One call to the token endpoint; its answer is stored and not yet looked at. Raises `OAuthFailure`."""
    try:
        material = Material(credential.payload, credential.open_secrets())
        refresh_token = token.unseal("refresh_token") or ""
    except Unsealable:
        raise OAuthFailure("secrets_unreadable", "", permanent=True) from None
    if not claimed.may_still_send():
        raise OAuthFailure("timeout", "", permanent=False)
    transport = GuardedAdapter(deadline=CALL_SECONDS)
    try:
        raw = life_cycle.renew(material, refresh_token=str(refresh_token), transport=transport)
    finally:
        transport.close()
    journal.keep_answer(attempt, raw)


def settle(attempt: TokenAttempt, claimed: Lease, actor: Actor) -> Outcome:
    """Parse the stored answer and swap the token, or note why not."""
    try:
        tokens = answer.parse(journal.kept_answer(attempt), secrets=journal.sent_secrets(attempt))
    except OAuthFailure as failure:
        return after_failure(attempt, failure, claimed, actor)
    except Unsealable:
        return after_failure(attempt, OAuthFailure("secrets_unreadable", "", permanent=True), claimed, actor)
    applied = journal.apply(attempt, tokens, database_now(), actor=actor, lease=claimed)
    return Outcome.RENEWED if applied else Outcome.BUSY


def after_failure(attempt: TokenAttempt, failure: OAuthFailure, claimed: Lease, actor: Actor) -> Outcome:
    journal.fail_renewal(attempt, failure, database_now(), actor=actor, lease=claimed)
    return Outcome.ENDED if failure.permanent else Outcome.WAIT


def end_when_expired(credential: Credential, *, actor: Actor) -> bool:
    """Tell a person that access has ended: a token that nothing can renew, or a certificate. False where it has not."""
    now = database_now()
    renewable = room(credential.kind).life_cycle is not None
    code = "no_refresh_token" if renewable else "certificate_expired"
    with transaction.atomic():
        ended = Credential.objects.filter(pk=credential.pk, status=Status.ACTIVE, expires_at__lte=now).update(
            status=Status.NEEDS_AUTHORIZATION if renewable else Status.FAILED,
            status_code=code,
            status_reason=explain.reason(code),
            status_changed_at=now,
        )
        if ended:
            record(credential, actor, "credential.expired", outcome="failed")
    return bool(ended)
