"""Whose consent it was. Where it is another account's than before, a person is asked, and until they answer the former
one goes on working: a bot must not act for somebody else because a browser was signed in as somebody else.
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, Credential, TokenAttempt
from credentials.models.authorization import TELLS_NO_ACCOUNT, AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.leased import AttemptState
from credentials.oauth import answer
from credentials.oauth.account import Account, account_of, ask_userinfo
from credentials.oauth.answer import TokenSet
from credentials.oauth.errors import OAuthFailure
from credentials.oauth.id_token import InvalidIdToken, read_from_token_endpoint
from credentials.outbound import GuardedAdapter
from credentials.services import explain, journal
from credentials.services.authorize import actor_of, give_up
from credentials.services.delete import Held, Revocation, revoke
from credentials.services.records import record
from credentials.types.base import Material, TokenLifeCycle
from credentials.types.registry import room
from organizations.access import Access
from organizations.audit import Actor
from organizations.policies import Action

USERINFO_SECONDS = 3.0
# A grant that nobody has accepted by then is dropped.
ASKED_FOR = timedelta(days=1)
# How long an authorization is kept after it ended, as long as the notices that speak of it.
KEPT = timedelta(days=90)
IN_QUESTION = "account_in_question"
TURNED_DOWN = "another_account"


class Answered(Exception):
    """There is nothing to decide any more: somebody has answered, or time or an edit did."""


def who(authorization: Authorization, tokens: TokenSet) -> Account | None:
    """The account that a grant is of, as the resource says; None where it does not. May ask the userinfo endpoint."""
    life_cycle = room(authorization.credential.kind).life_cycle
    if life_cycle is None:
        return None
    if tokens.id_token:
        found = _by_id_token(authorization, life_cycle, tokens.id_token)
        if found:
            return found
    if not authorization.userinfo_url:
        return None
    transport = GuardedAdapter(deadline=USERINFO_SECONDS)
    try:
        claims = ask_userinfo(
            authorization.userinfo_url, tokens.access_token, transport=transport, seconds=USERINFO_SECONDS
        )
    finally:
        transport.close()
    return account_of(claims, authorization.issuer) if claims else None


def _by_id_token(authorization: Authorization, life_cycle: TokenLifeCycle, token: str) -> Account | None:
    client_id = life_cycle.client(Material(authorization.credential.payload, {})).client_id
    try:
        claims = read_from_token_endpoint(token, client_id=client_id, now=time.time())
    except InvalidIdToken:
        return None
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or (authorization.issuer and issuer != authorization.issuer):
        return None
    return account_of(claims, issuer)


def former(authorization: Authorization) -> Account | None:
    """The account of the latest successful authorization of the credential that is known."""
    row = (
        Authorization.objects.filter(credential_id=authorization.credential_id, status=AuthorizationStatus.SUCCEEDED)
        .exclude(account_subject="")
        .exclude(pk=authorization.pk)
        .order_by("-finished_at")
        .first()
    )
    return Account(row.account_issuer, row.account_subject, row.account_name) if row else None


def is_another(before: Account | None, now: Account | None) -> bool:
    """Whether both are known and differ. Names may change; issuer and subject do not."""
    return before is not None and now is not None and (before.issuer, before.subject) != (now.issuer, now.subject)


def columns(tokens: TokenSet, account: Account | None, now: datetime) -> dict[str, Any]:
    """What an authorization remembers of its answer; nothing of it is secret."""
    return {
        "granted_scope": tokens.scope or "",
        "refresh_token_issued": bool(tokens.refresh_token),
        "access_ends_at": now + timedelta(seconds=tokens.expires_in) if tokens.expires_in is not None else None,
        "account_issuer": account.issuer if account else "",
        "account_subject": account.subject if account else "",
        "account_name": account.name if account else "",
    }


def ask(authorization: Authorization, attempt: TokenAttempt, came_of_it: dict[str, Any], now: datetime) -> None:
    """Keep the grant aside, sealed in its attempt, and the credential as it is. Raises `journal.Gone`."""
    with transaction.atomic():
        credential, _ = journal.lock(authorization.credential_id)
        asked = Authorization.objects.filter(pk=authorization.pk, status=AuthorizationStatus.EXCHANGING).update(
            status=AuthorizationStatus.ASKING, code="", verifier="", expires_at=now + ASKED_FOR, **came_of_it
        )
        if not asked:
            journal.close(attempt, AttemptState.FAILED, now, error="superseded")
            return
        drop_older_questions(authorization, now)
        if credential.status != Status.ACTIVE:
            reason = explain.reason(IN_QUESTION)
            journal.set_status(credential, Status.NEEDS_AUTHORIZATION, IN_QUESTION, reason, now)
        record(credential, actor_of(authorization), "authorization.another_account", authorization=authorization.pk.hex)


def drop_older_questions(authorization: Authorization, now: datetime) -> None:
    """A later authorization answers what was asked before. Inside the transaction that holds the credential."""
    journal.drop_kept_aside(authorization.credential_id, now, but=authorization)
    Authorization.objects.filter(credential_id=authorization.credential_id, status=AuthorizationStatus.ASKING).exclude(
        pk=authorization.pk
    ).update(status=AuthorizationStatus.FAILED, error="superseded", finished_at=now)


def forget_older(authorization: Authorization, now: datetime) -> None:
    """A later account is known: old authorizations that told of former ones go, in the same transaction."""
    told = Authorization.objects.filter(
        ~TELLS_NO_ACCOUNT, credential_id=authorization.credential_id, finished_at__lt=now - KEPT
    )
    told.exclude(pk=authorization.pk).delete()


def use(access: Access, authorization: Authorization) -> None:
    """The new account is right: its grant takes the place of the former one. Raises `Answered`."""
    access.require(Action.MANAGE_CREDENTIALS)
    now = database_now()
    try:
        with transaction.atomic():
            credential, _ = journal.lock(authorization.credential_id)
            accepted = Authorization.objects.filter(pk=authorization.pk, status=AuthorizationStatus.ASKING).update(
                status=AuthorizationStatus.SUCCEEDED, finished_at=now
            )
            attempt = kept_aside(authorization)
            if not accepted or attempt is None:
                raise Answered
            forget_older(authorization, now)
            tokens = aged(answer.parse(journal.kept_answer(attempt)), now - attempt.started_at)
            record(credential, access.actor, "authorization.account_accepted", authorization=authorization.pk.hex)
            journal.apply(attempt, tokens, actor=access.actor)
    except journal.Gone:
        raise Answered from None
    except (Unsealable, OAuthFailure):
        if not turn_down(authorization, actor=access.actor, why="secrets_unreadable"):
            raise Answered from None


def keep_former(access: Access, authorization: Authorization) -> Revocation:
    """The former account stays. The grant that was kept aside is erased, and revoked where that can be done.

    Raises `Answered`.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    held = what_was_kept(authorization)
    if not turn_down(authorization, actor=access.actor):
        raise Answered
    return revoke(held) if held else Revocation.NOTHING_TO_REVOKE


def turn_down(authorization: Authorization, *, actor: Actor, why: str = TURNED_DOWN) -> bool:
    """End a question without the new account. False where it was answered already."""
    try:
        with transaction.atomic():
            # In the order in which `use` locks them.
            journal.lock(authorization.credential_id)
            attempt = kept_aside(authorization)
            ended = give_up(authorization, why, "", expected=AuthorizationStatus.ASKING, actor=actor)
            if ended and attempt is not None:
                journal.close(attempt, AttemptState.FAILED, database_now(), error=why)
    except journal.Gone:
        return False
    return ended


def kept_aside(authorization: Authorization) -> TokenAttempt | None:
    """Where the grant in question is sealed."""
    return authorization.attempts.filter(state=AttemptState.ANSWERED).order_by("-started_at").first()


def aged(tokens: TokenSet, since: timedelta) -> TokenSet:
    """An answer that was kept aside for a while: its lifetime began when it was given."""
    if tokens.expires_in is None:
        return tokens
    return replace(tokens, expires_in=max(1.0, tokens.expires_in - since.total_seconds()))


def what_was_kept(authorization: Authorization) -> Held | None:
    """What is needed to revoke the grant in question; None where there is nothing, or nobody can open it."""
    credential = authorization.credential
    life_cycle, attempt = room(credential.kind).life_cycle, kept_aside(authorization)
    if life_cycle is None or attempt is None:
        return None
    try:
        tokens = answer.parse(journal.kept_answer(attempt))
        client = life_cycle.client(Material(credential.payload, credential.open_secrets()))
    except (Unsealable, OAuthFailure):
        return None
    return Held(
        client=client,
        auth_url=life_cycle.authorization_endpoint(credential.payload),
        token=tokens.refresh_token or tokens.access_token,
        hint="refresh_token" if tokens.refresh_token else "access_token",
    )


def question_of(credential: Credential) -> Authorization | None:
    """The authorization about whose account somebody has to decide, if there is one."""
    asking = Authorization.objects.filter(credential=credential, status=AuthorizationStatus.ASKING)
    return asking.order_by("-created_at").first()
