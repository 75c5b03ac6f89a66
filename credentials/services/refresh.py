"""Renew one credential's token: when it is due, and when a dead process left a renewal unfinished."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.db import IntegrityError, transaction

from credentials.models import OAuthToken, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.credential import Credential, Status
from credentials.models.leased import Attempt, AttemptState, Grant
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import RawAnswer, Transport
from credentials.oauth.errors import OAuthFailure
from credentials.services import explain, journal, notices
from credentials.services.breaker import Held
from credentials.services.lease import Lease
from credentials.services.records import record
from credentials.services.renewal import Outcome, Renewal
from credentials.types.base import Material
from credentials.types.registry import room
from organizations.audit import Actor

__all__ = ["Held", "Outcome", "end_when_expired", "refresh", "refresh_as_read"]


def refresh(credential_id: UUID, *, actor: Actor, instead_of: int | None = None) -> Outcome:
    """Renew the token if it is due, or if a dead process left a renewal unfinished.

    `instead_of` is the generation that a person found wanting: that one is renewed though it is not due and though the
    provider is taken to be down, unless another process has just done so. Safe to call any number of times, late, and
    from any number of processes: the token endpoint hears of one.
    """
    token = OAuthToken.objects.select_related("credential").filter(pk=credential_id).first()
    now = database_now()
    if token is None or (not token.generation and token.refresh_at is None):
        return Outcome.NOT_DUE
    orphaned = token.lease_until is not None and token.lease_until < now
    wanted = token.generation == instead_of or (token.refresh_at is not None and token.refresh_at <= now)
    if wanted and token.credential.deactivated_at is not None:
        # What was under way when it was deactivated has made it due again.
        OAuthToken.objects.filter(pk=token.pk).update(refresh_at=None)
        wanted = False
    if not (wanted or orphaned):
        return Outcome.NOT_DUE
    try:
        return CredentialRenewal(token, actor).work(wanted=wanted, insist=token.generation == instead_of)
    except Held:
        return Outcome.HELD


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


def retry_now(credential: Credential, *, actor: Actor) -> Outcome:
    """Renew the token because a person says so: though it is not due, and though the provider is taken to be down."""
    token = OAuthToken.objects.filter(pk=credential.pk).first()
    return refresh(credential.pk, actor=actor, instead_of=token.generation) if token else Outcome.NOT_DUE


def refresh_as_read(token: OAuthToken, *, actor: Actor, in_time: bool = True) -> Outcome:
    """Renew a token that its reader found ended. `BUSY` where anybody has asked for it since it was read.

    Not `in_time`: only what a dead process left is finished, and nobody is asked (`NOT_DUE`). Raises `Held`.
    """
    return CredentialRenewal(token, actor).work(wanted=in_time, on_demand=True)


class CredentialRenewal(Renewal):
    """Asks the credential's room, and tells people by the credential's status."""

    def __init__(self, token: OAuthToken, actor: Actor) -> None:
        self.token: OAuthToken = token
        self.actor = actor
        self.refresh_token = ""
        self.material: Material | None = None

    def look(self) -> None:
        try:
            self.token.credential  # noqa: B018 - read now, and kept with the token
        except Credential.DoesNotExist:
            raise journal.Gone from None

    def address(self) -> str:
        credential = self.token.credential
        life_cycle = room(credential.kind).life_cycle
        return life_cycle.endpoint(credential.payload) if life_cycle is not None and self.can_renew() else ""

    def left_unfinished(self) -> Sequence[Attempt]:
        left = TokenAttempt.objects.filter(
            token=self.token,
            generation=self.token.generation,
            grant__in=[Grant.REFRESH_TOKEN, Grant.CLIENT_CREDENTIALS],
            authorization=None,
            finished_at=None,
            state__in=[AttemptState.STARTED, AttemptState.ANSWERED],
        )
        return list(left.order_by("-started_at"))

    def can_renew(self) -> bool:
        credential = self.token.credential
        life_cycle = room(credential.kind).life_cycle
        return life_cycle is not None and life_cycle.can_renew(
            credential.payload, has_refresh_token=bool(self.token.refresh_token)
        )

    def stop_trying(self) -> None:
        # Not of a token that somebody has authorized meanwhile.
        OAuthToken.objects.filter(pk=self.token.pk, generation=self.token.generation).update(refresh_at=None)

    def begin(self) -> Attempt:
        grant = Grant.REFRESH_TOKEN if self.token.refresh_token else Grant.CLIENT_CREDENTIALS
        return journal.begin(self.token, grant, database_now())

    def prepare(self) -> None:
        credential = self.token.credential
        self.material = Material(credential.payload, credential.open_secrets())
        self.refresh_token = str(self.token.unseal("refresh_token") or "")

    def request(self, transport: Transport) -> RawAnswer:
        life_cycle = room(self.token.credential.kind).life_cycle
        if life_cycle is None or self.material is None:
            raise OAuthFailure("invalid_request", "", permanent=True)
        return life_cycle.renew(self.material, refresh_token=self.refresh_token, transport=transport)

    def sent_secrets(self, attempt: Attempt) -> list[str]:
        if self.material is not None:
            texts = [*room(self.token.credential.kind).secret_texts(self.material), self.refresh_token]
            return [text for text in texts if text]
        return journal.sent_secrets(cast(TokenAttempt, attempt))

    def check(self, tokens: TokenSet) -> None:
        """Whatever the credential's own token endpoint answers is its."""

    def apply(self, attempt: Attempt, tokens: TokenSet, claimed: Lease) -> bool:
        return journal.apply(cast(TokenAttempt, attempt), tokens, actor=self.actor, lease=claimed)

    def fail(self, attempt: Attempt, failure: OAuthFailure, claimed: Lease, held_until: datetime | None) -> None:
        journal.fail_renewal(
            cast(TokenAttempt, attempt),
            failure,
            database_now(),
            actor=self.actor,
            lease=claimed,
            held_until=held_until,
        )

    def interrupted(self, attempt: Attempt, claimed: Lease) -> bool:
        return journal.interrupted(cast(TokenAttempt, attempt), database_now(), lease=claimed)


def end_when_expired(credential: Credential, *, actor: Actor, leeway: timedelta = timedelta()) -> bool:
    """Tell a person that access has ended: a token that nothing can renew, or a certificate. False where it has not.

    `leeway`: it ends within that time, and was refused to somebody for it.
    """
    now = database_now()
    renewable = room(credential.kind).life_cycle is not None
    code = "no_refresh_token" if renewable else "certificate_expired"
    status = Status.NEEDS_AUTHORIZATION if renewable else Status.FAILED
    with transaction.atomic():
        ended = Credential.objects.filter(pk=credential.pk, status=Status.ACTIVE, expires_at__lte=now + leeway).update(
            status=status,
            status_code=code,
            status_reason=explain.reason(code),
            status_changed_at=now,
        )
        if ended:
            notices.needs_somebody(credential, status, code)
            record(credential, actor, "credential.expired", outcome="failed")
    return bool(ended)
