"""What re-drives work that a lost message, a killed worker or a flushed queue left behind.

The database is the truth: everything that is to be done is found here by queries whose cost follows what is due.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from credentials.models import (
    Authorization,
    ConsumerChallenge,
    ConsumerToken,
    ConsumerTokenAttempt,
    Credential,
    Draft,
    Notice,
    NoticeMail,
    OAuthToken,
    TokenAttempt,
    TokenEndpoint,
    authorization,
    challenge,
)
from credentials.models.authorization import AuthorizationStatus
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.services import (
    account,
    breaker,
    challenges,
    deliveries,
    endings,
    explain,
    housekeeping,
    mails,
    refresh,
    wake,
)
from credentials.services.authorize import give_up
from credentials.services.due import due
from credentials.services.lease import LEASE
from organizations.audit import Actor

M = TypeVar("M", bound=Model)
BATCH = 500
# Beyond these, workers are not told each by its id but take from the database: a message costs a worker as much as
# several renewals, and wakes all of its threads.
BY_NAME = 20
EACH = 100
WAKE_AT_MOST = 15
RENEWALS = EACH * WAKE_AT_MOST
JOURNAL_KEPT = timedelta(days=30)
# After its token has ended, for a consumer for whom nobody asks.
CONSUMER_KEPT = timedelta(days=30)
NOTICES_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Work:
    """What calls a token endpoint, by id: codes to exchange, exchanges to take up, tokens to renew.

    `consumers` are consumers' tokens whose renewal a dead process left unfinished; `challenges` are consumers' codes,
    waiting or interrupted. `webhooks` have messages that are due, `mails` are due themselves.
    """

    exchanges: list[UUID]
    interrupted: list[UUID]
    renewals: list[UUID]
    consumers: list[UUID] = field(default_factory=list)
    challenges: list[UUID] = field(default_factory=list)
    webhooks: list[UUID] = field(default_factory=list)
    mails: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Tidied:
    """How many rows were changed without asking anybody. `warned`: things whose end somebody was warned of."""

    abandoned: int
    expired: int
    deleted: int
    warned: int = 0
    mails: int = 0


def find() -> Work:
    """At most `BATCH` of each, the oldest first; of renewals as many as workers are woken for."""
    now = database_now()
    unfinished = Authorization.objects.filter(authorization.IS_OPEN)
    received = unfinished.filter(status=AuthorizationStatus.RECEIVED).order_by("created_at")
    interrupted = unfinished.filter(status=AuthorizationStatus.EXCHANGING, claimed_at__lt=now - LEASE)
    return Work(
        exchanges=list(received.values_list("pk", flat=True)[:BATCH]),
        interrupted=list(interrupted.values_list("pk", flat=True)[:BATCH]),
        renewals=due_renewals(),
        consumers=list(ConsumerToken.objects.filter(lease_until__lt=now).values_list("pk", flat=True)[:BATCH]),
        challenges=due_challenges(),
        webhooks=deliveries.waiting(),
        mails=mails.waiting(),
    )


def due_challenges() -> list[UUID]:
    """Consumers' codes that nobody has exchanged yet, and exchanges whose worker died."""
    interrupted = Q(status=ChallengeStatus.EXCHANGING, claimed_at__lt=database_now() - LEASE)
    waiting = ConsumerChallenge.objects.filter(challenge.IS_OPEN, Q(status=ChallengeStatus.RECEIVED) | interrupted)
    return list(waiting.order_by("expires_at").values_list("pk", flat=True)[:BATCH])


def due_renewals() -> list[UUID]:
    """Credentials whose token is to be renewed, and those whose renewal a dead process left unfinished."""
    now = database_now()
    orphaned = OAuthToken.objects.filter(lease_until__lt=now).order_by("lease_until")
    found = [*(each.token_id for each in due(RENEWALS)), *orphaned.values_list("pk", flat=True)[:BATCH]]
    return list(dict.fromkeys(found))


def spread(work: Work) -> None:
    """Wake workers for all of it."""
    for authorization_id in work.exchanges:
        wake.exchange(authorization_id)
    for authorization_id in work.interrupted:
        wake.take_up(authorization_id)
    if len(work.renewals) > BY_NAME:
        wake.renew_due(min(WAKE_AT_MOST, ceil(len(work.renewals) / EACH)))
    else:
        for credential_id in work.renewals:
            wake.refresh(credential_id)
    for token_id in work.consumers:
        wake.refresh_consumer(token_id)
    for challenge_id in work.challenges:
        wake.challenge(challenge_id)
    for webhook_id in work.webhooks:
        wake.deliver(webhook_id)
    for mail_id in work.mails:
        wake.send_mail(mail_id)


def tidy() -> Tidied:
    """Everything that needs no call to anybody."""
    breaker.reset_unasked()
    end_of_the_held()
    abandoned = give_up_abandoned() + give_up_challenges() + drop_questions()
    expired, warned = end_expired(), endings.warn()
    return Tidied(abandoned=abandoned, expired=expired, deleted=delete_old(), warned=warned, mails=mails.gather())


def give_up_challenges() -> int:
    """Links that nobody followed to the end. What has ended of others goes too: a token is kept while it lives."""
    now = database_now()
    ConsumerChallenge.objects.filter(token_expires_at__lt=now).exclude(access_token="").update(access_token="")
    waiting = (ChallengeStatus.WAITING, ChallengeStatus.STARTED, ChallengeStatus.UNCONFIRMED)
    ended = ConsumerChallenge.objects.filter(challenge.IS_OPEN, status__in=waiting, expires_at__lt=now)
    return sum(
        challenges.give_up(each, "expired", expected=ChallengeStatus(each.status))
        for each in found_first(ended).select_related("credential__organization")
    )


def found_first(rows: QuerySet[M]) -> QuerySet[M]:
    """At most a batch of `rows`, found before anything is joined: a join can begin at the wrong end, with a million."""
    return rows.model._default_manager.filter(pk__in=list(rows.values_list("pk", flat=True)[:BATCH]))


def give_up_abandoned() -> int:
    """Authorizations that a person started and never came back from."""
    started = Authorization.objects.filter(authorization.IS_OPEN, status=AuthorizationStatus.STARTED)
    abandoned = started.filter(expires_at__lt=database_now())
    return sum(
        give_up(authorization, "not_finished", "", expected=AuthorizationStatus.STARTED, actor=Actor.worker())
        for authorization in found_first(abandoned).select_related("credential__organization", "user")
    )


def drop_questions() -> int:
    """Grants of another account that nobody has accepted: the former account stays."""
    asking = Authorization.objects.filter(authorization.IS_OPEN, status=AuthorizationStatus.ASKING)
    asked = asking.filter(expires_at__lt=database_now())
    return sum(
        account.turn_down(authorization, actor=Actor.worker())
        for authorization in found_first(asked).select_related("credential__organization", "user")
    )


def end_expired() -> int:
    """Credentials whose access has ended and that nothing renews."""
    ended = Credential.objects.filter(expires_at__lt=database_now(), status=Status.ACTIVE).select_related(
        "organization"
    )
    return sum(refresh.end_when_expired(credential, actor=Actor.worker()) for credential in ended[:BATCH])


def end_of_the_held() -> int:
    """Say of credentials whose access has ended that their provider is down. What renews them says the opposite."""
    now = database_now()
    down = TokenEndpoint.objects.filter(down_since__isnull=False, several_tokens=True)
    return sum(
        Credential.objects.filter(
            status=Status.ACTIVE, token__endpoint=endpoint, token__refresh_at__lte=now, token__expires_at__lte=now
        ).update(
            status=Status.FAILED,
            status_code="provider_down",
            status_reason=explain.reason("provider_down"),
            status_changed_at=endpoint.down_since,
        )
        for endpoint in down[:BATCH]
    )


def delete_old() -> int:
    """Drafts that nobody finished, what is old, and tokens of consumers who did not come back."""
    now = database_now()
    drafts, _ = Draft.objects.filter(expires_at__lt=now).delete()
    attempts, _ = TokenAttempt.objects.filter(finished_at__lt=now - JOURNAL_KEPT).delete()
    renewals, _ = ConsumerTokenAttempt.objects.filter(finished_at__lt=now - JOURNAL_KEPT).delete()
    long_ago = now - CONSUMER_KEPT
    unused = Q(last_used_at__isnull=True) | Q(last_used_at__lt=long_ago)
    consumers, _ = ConsumerToken.objects.filter(unused, expires_at__lt=long_ago).delete()
    challenged, _ = (
        ConsumerChallenge.objects.filter(created_at__lt=now - JOURNAL_KEPT)
        .exclude(status=ChallengeStatus.SUCCEEDED, token_expires_at__gt=now)
        .delete()
    )
    NoticeMail.objects.filter(created_at__lt=now - NOTICES_KEPT).delete()
    Notice.objects.filter(created_at__lt=now - NOTICES_KEPT, open_key="").delete()
    housekeeping.erase_former_secrets(now)
    authorizations = housekeeping.delete_old_authorizations(now)
    endpoints = housekeeping.delete_unused_endpoints(now)
    return drafts + attempts + renewals + consumers + challenged + authorizations + endpoints
