"""Consumers who signed in before the conversation: take their tokens over, keep them, renew them, hand them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from credentials.crypto.envelope import Unsealable
from credentials.models import ConsumerIdentityProvider, ConsumerToken, ConsumerTokenAttempt
from credentials.models.clock import database_now
from credentials.models.identity_provider import Flow
from credentials.models.leased import Attempt, AttemptState, Grant
from credentials.oauth import answer
from credentials.oauth import client as oauth
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import Client, RawAnswer, Transport
from credentials.oauth.errors import OAuthFailure
from credentials.oauth.id_token import Claims
from credentials.outbound import GuardedAdapter
from credentials.services import breaker, id_tokens, journal
from credentials.services.id_tokens import InvalidIdToken
from credentials.services.identity_provider import client_of, required
from credentials.services.lease import CALL_SECONDS, Lease
from credentials.services.renewal import Outcome, Renewal
from organizations import audit
from organizations.audit import Actor
from organizations.models import Account, Organization

LAST_USED_EVERY = timedelta(hours=1)


class WrongHandOver(Exception):
    """What was handed over does not fit the identity provider's flow. The message is one sentence."""


@dataclass(frozen=True)
class CodeHandOver:
    """An authorization code that the brand's page got for this redirect URI (RFC 6749 §4.1.3)."""

    code: str
    redirect_uri: str
    code_verifier: str | None = None


def hand_over_id_token(organization: Organization, id_token: str, *, nonce: str | None, actor: Actor) -> ConsumerToken:
    """Keep the ID token of the Implicit flow as the consumer's token: it is the only one there is, and ends as it says.

    Raises `NoIdentityProvider`, `WrongHandOver`, `InvalidIdToken`, `OAuthFailure`.
    """
    provider = required(organization.account_id)
    if provider.flow != Flow.IMPLICIT:
        raise WrongHandOver("The identity provider is set up for the Code flow: hand over a code.")
    claims = id_tokens.verify(provider, id_token, nonce=nonce)
    left = claims.expires_at - database_now().timestamp()
    # The leeway of the verification lets one through that has just ended.
    tokens = TokenSet(id_token, "Bearer", None, None, max(left, 1.0), id_token)
    return keep(organization, claims, tokens, actor=actor)


def hand_over_code(
    organization: Organization, given: CodeHandOver, *, nonce: str | None, actor: Actor
) -> ConsumerToken:
    """Exchange a code of the Code flow and keep what it brings.

    At once and not by a worker: nobody can be told later who the consumer is. A process that dies in between loses
    nothing but the code, and the page gets another. Raises as `hand_over_id_token` does.
    """
    provider = required(organization.account_id)
    if provider.flow != Flow.CODE:
        raise WrongHandOver("The identity provider is set up for the Implicit flow: hand over an ID token.")
    raw, secrets = exchange(provider, given)
    tokens = answer.parse(raw, secrets=secrets)
    if tokens.id_token is None:
        raise InvalidIdToken("The identity provider answered without an ID token: ask it for the scope openid.")
    return keep(organization, id_tokens.verify(provider, tokens.id_token, nonce=nonce), tokens, actor=actor)


def exchange(provider: ConsumerIdentityProvider, given: CodeHandOver) -> tuple[RawAnswer, list[str]]:
    """What the token endpoint answers, and what was sent. Raises `OAuthFailure`."""
    client = opened(provider)
    if (down_for := breaker.seconds_down(client.token_url)) is not None:
        # Before anything is sent: the code is still good when the caller comes again.
        raise OAuthFailure("provider_down", "", retry_after=down_for)
    transport = GuardedAdapter(deadline=CALL_SECONDS)
    try:
        raw = oauth.exchange_code(
            client,
            code=given.code,
            redirect_uri=given.redirect_uri,
            verifier=given.code_verifier,
            transport=transport,
        )
    finally:
        transport.close()
    return raw, [secret for secret in (client.client_secret, given.code, given.code_verifier) if secret]


def opened(provider: ConsumerIdentityProvider) -> Client:
    """Raises `OAuthFailure` where the client secret cannot be opened."""
    try:
        return client_of(provider)
    except Unsealable:
        raise OAuthFailure("secrets_unreadable", "", permanent=True) from None


def keep(organization: Organization, claims: Claims, tokens: TokenSet, *, actor: Actor) -> ConsumerToken:
    """Store the consumer's tokens in place of those before, in one write."""
    with transaction.atomic():
        token = locked(organization, claims.subject)
        renews = bool(tokens.refresh_token)
        journal.swap(token, tokens, database_now(), renews=renews, renewal=False, scope="")
        if token.expires_at is None:
            # Without an end of its own it is good for as long as the sign-in that it came with.
            token.expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
        token.save()
        note(token, actor, "consumer.handed_over", renews_itself=renews)
    return token


def locked(organization: Organization, subject: str) -> ConsumerToken:
    """The consumer's row, made where there is none. Two hand-overs at once: one waits for the other."""
    rows = ConsumerToken.objects.select_for_update()
    wanted = {"account_id": organization.account_id, "subject": subject}
    if (token := rows.filter(**wanted).first()) is not None:
        return token
    try:
        with transaction.atomic():
            return ConsumerToken.objects.create(**wanted, organization=organization)
    except IntegrityError:
        return rows.get(**wanted)


def find(account: Account | int, subject: str) -> ConsumerToken | None:
    return ConsumerToken.objects.select_related("organization").filter(account=account, subject=subject).first()


def note_use(token: ConsumerToken) -> None:
    """Remember when it was last used, so that what nobody asks for any more can be deleted; to the hour."""
    now = database_now()
    if token.last_used_at is None or token.last_used_at < now - LAST_USED_EVERY:
        ConsumerToken.objects.filter(pk=token.pk).update(last_used_at=now)


def refresh(token_id: UUID, *, actor: Actor) -> Outcome:
    """Finish what a dead process left unfinished. Consumers' tokens are renewed when they are asked for, not before."""
    token = ConsumerToken.objects.select_related("organization").filter(pk=token_id).first()
    if token is None or token.lease_until is None or token.lease_until >= database_now():
        return Outcome.NOT_DUE
    return ConsumerRenewal(token, actor).work(wanted=False)


def refresh_as_read(token: ConsumerToken, *, actor: Actor, in_time: bool = True) -> Outcome:
    """Renew a token that its reader found ended. `BUSY` where anybody has asked for it since it was read.

    Not `in_time`: only what a dead process left is finished, and nobody is asked (`NOT_DUE`). Raises `Held`.
    """
    return ConsumerRenewal(token, actor).work(wanted=in_time, on_demand=True)


class ConsumerRenewal(Renewal):
    """Asks the account's identity provider, and believes it only for the same consumer."""

    def __init__(self, token: ConsumerToken, actor: Actor) -> None:
        self.token: ConsumerToken = token
        self.actor = actor
        self.provider: ConsumerIdentityProvider | None = None
        self.client: Client | None = None
        self.refresh_token = ""

    def look(self) -> None:
        self.provider = ConsumerIdentityProvider.objects.filter(account=self.token.account_id, flow=Flow.CODE).first()

    def address(self) -> str:
        return self.provider.token_endpoint if self.provider and self.token.refresh_token else ""

    def left_unfinished(self) -> Sequence[Attempt]:
        left = ConsumerTokenAttempt.objects.filter(
            token=self.token,
            generation=self.token.generation,
            state__in=[AttemptState.STARTED, AttemptState.ANSWERED],
        )
        return list(left.order_by("-started_at"))

    def can_renew(self) -> bool:
        return bool(self.token.refresh_token) and self.provider is not None

    def stop_trying(self) -> None:
        ConsumerToken.objects.filter(pk=self.token.pk, generation=self.token.generation).update(refresh_at=None)

    def begin(self) -> Attempt:
        try:
            with transaction.atomic():
                return ConsumerTokenAttempt.objects.create(
                    token=self.token,
                    account_id=self.token.account_id,
                    grant=Grant.REFRESH_TOKEN,
                    generation=self.token.generation,
                    host=journal.host_of(self.provider.token_endpoint) if self.provider else "",
                    started_at=database_now(),
                )
        except IntegrityError:
            raise journal.Gone from None

    def prepare(self) -> None:
        self.client = client_of(self.provider) if self.provider else None
        self.refresh_token = str(self.token.unseal("refresh_token") or "")

    def request(self, transport: Transport) -> RawAnswer:
        if self.client is None:
            raise OAuthFailure("invalid_request", "", permanent=True)
        return oauth.refresh(self.client, refresh_token=self.refresh_token, transport=transport)

    def sent_secrets(self, attempt: Attempt) -> list[str]:
        try:
            self.prepare()
        except Unsealable:
            return []
        secrets = [self.refresh_token, self.client.client_secret if self.client else ""]
        return [secret for secret in secrets if secret]

    def check(self, tokens: TokenSet) -> None:
        """A new ID token has to be of the same consumer (OpenID Connect Core §12.2)."""
        if tokens.id_token is None or self.provider is None:
            return
        try:
            claims = id_tokens.verify(self.provider, tokens.id_token, nonce=None)
        except InvalidIdToken as refusal:
            raise OAuthFailure("invalid_id_token", str(refusal), permanent=True) from None
        if claims.subject != self.token.subject:
            raise OAuthFailure("another_consumer", "", permanent=True)

    def apply(self, attempt: Attempt, tokens: TokenSet, claimed: Lease) -> bool:
        now = database_now()
        with transaction.atomic():
            token = self._locked()
            if journal.has_moved_on(token, claimed):
                journal.close(attempt, AttemptState.FAILED, now, error="superseded")
                return False
            journal.swap(token, tokens, now, renews=True, renewal=True, scope=token.scope)
            token.save()
            journal.close(attempt, AttemptState.APPLIED, now)
            note(token, self.actor, "consumer.renewed")
        return True

    def fail(self, attempt: Attempt, failure: OAuthFailure, claimed: Lease, held_until: datetime | None) -> None:
        now = database_now()
        with transaction.atomic():
            token = self._locked()
            journal.close(attempt, AttemptState.FAILED, now, error=failure.code)
            if journal.has_moved_on(token, claimed):
                return
            journal.note_failure(token, failure, now, held_until=held_until)
            if failure.permanent:
                # What the provider has taken back is a secret too many.
                token.refresh_token = ""
            token.save()
            note(token, self.actor, "consumer.renewal_failed", outcome="failed", error=failure.code)

    def interrupted(self, attempt: Attempt, claimed: Lease) -> bool:
        now = database_now()
        with transaction.atomic():
            token = self._locked()
            journal.close(attempt, AttemptState.FAILED, now, error="interrupted")
            return journal.note_interruption(token, now, claimed)

    def _locked(self) -> ConsumerToken:
        token = (
            ConsumerToken.objects.select_for_update(of=("self",), no_key=True)
            .select_related("organization")
            .filter(pk=self.token.pk)
            .first()
        )
        if token is None:
            raise journal.Gone
        return token


def note(token: ConsumerToken, actor: Actor, action: str, *, outcome: str = "ok", **details: object) -> None:
    """Append an entry about one consumer's token; by its id, which says nothing about the consumer."""
    audit.record(
        token.organization,
        actor,
        action,
        object_type="consumer",
        object_id=str(token.pk),
        outcome=outcome,
        details=details or None,
    )
