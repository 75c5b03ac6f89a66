"""The calls about consumers: taking them over, and asking them to sign in during a conversation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Router

from credentials.api.authentication import ServiceTokenAuthentication
from credentials.api.caller import ABOUT_A_ROW, answers, caller, credentials_of, find_credential, require_reach
from credentials.api.errors import sentence
from credentials.api.schemas import (
    ChallengeAnswer,
    ChallengeLink,
    ChallengeRequest,
    Confirmation,
    ConsumerAnswer,
    ConsumerHandOver,
)
from credentials.models import ConsumerChallenge
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.services import challenges, explain
from credentials.services.consumers import CodeHandOver, hand_over_code, hand_over_id_token
from credentials.types.base import TokenOwner
from credentials.types.registry import room
from organizations.audit import Actor
from organizations.scopes import Scope

router = Router(tags=["consumers"], auth=ServiceTokenAuthentication(Scope.CONSUMERS_WRITE))
NOBODY_CAME = frozenset({ChallengeStatus.WAITING, ChallengeStatus.STARTED, ChallengeStatus.UNCONFIRMED})


@router.post(
    "consumers",
    response=answers(ConsumerAnswer, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE),
    operation_id="hand_over_consumer",
)
def hand_over(request: HttpRequest, body: ConsumerHandOver) -> Mapping[str, Any]:
    """Take over a consumer who has signed in at the brand's site: their ID token is verified, their tokens are kept.

    Calls of every bot of the account then name the consumer.
    409 `no_identity_provider`: an administrator has to set it up. 422 `invalid_id_token`, `hand_over_refused`: the
    consumer has to sign in again. 503 `temporarily_unavailable`: the identity provider, or its keys, cannot be reached.
    """
    require_hand_over(request)
    organization, actor = caller(request).organization, Actor.for_service_token(caller(request))
    if body.code is not None:
        given = CodeHandOver(body.code, body.redirect_uri or "", body.code_verifier)
        token = hand_over_code(organization, given, nonce=body.nonce, actor=actor)
    else:
        token = hand_over_id_token(organization, body.id_token or "", nonce=body.nonce, actor=actor)
    return {"consumer": token.subject, "expires_at": token.expires_at}


@router.post(
    "credentials/{uuid:credential_id}/challenges",
    response=answers(ChallengeLink, *ABOUT_A_ROW),
    operation_id="create_challenge",
)
def create_challenge(request: HttpRequest, credential_id: UUID, body: ChallengeRequest) -> Mapping[str, Any]:
    """A link that the bot sends to the consumer, for one conversation and one use. It lives for 30 minutes.

    Ask for its status until it is `succeeded`; then tokens and calls that name the conversation act for whoever signed
    in. 409 `no_identity_provider`, `not_configured`: an administrator has to see to it; `needs_authorization`: the
    credential was deactivated. 422 `no_challenge`: credentials of this type are not authenticated by a link.
    """
    sent = challenges.create(
        find_credential(request, credential_id),
        conversation=body.conversation,
        subject=body.subject or "",
        confirm=body.confirm,
        actor=Actor.for_service_token(caller(request)),
        service_token=caller(request),
    )
    return {"id": sent.challenge.pk, "url": sent.url, "expires_at": sent.challenge.expires_at}


@router.get(
    "challenges/{uuid:challenge_id}",
    response=answers(ChallengeAnswer, HTTPStatus.NOT_FOUND),
    operation_id="get_challenge",
)
def get_challenge(request: HttpRequest, challenge_id: UUID) -> Mapping[str, Any]:
    """How a challenge stands."""
    return shown(find_challenge(request, challenge_id))


@router.post(
    "challenges/{uuid:challenge_id}/confirm",
    response=answers(ChallengeAnswer, HTTPStatus.NOT_FOUND),
    operation_id="confirm_challenge",
)
def confirm_challenge(request: HttpRequest, challenge_id: UUID, body: Confirmation) -> Mapping[str, Any]:
    """What the consumer typed in the chat. 422 `wrong_confirmation`; the fifth wrong one ends the challenge."""
    challenges.confirm(find_challenge(request, challenge_id), body.code, actor=Actor.for_service_token(caller(request)))
    return shown(find_challenge(request, challenge_id))


def require_hand_over(request: HttpRequest) -> None:
    """A token that is restricted hands over consumers only for a credential that uses their tokens.

    Raises `Http404`.
    """
    if caller(request).credential_ids is None:
        return
    kinds = credentials_of(request).values_list("kind", flat=True).distinct()
    if not any(room(kind).token_owner is TokenOwner.CONSUMER for kind in kinds):
        raise Http404


def find_challenge(request: HttpRequest, challenge_id: UUID) -> ConsumerChallenge:
    """Of the service token's organization."""
    rows = ConsumerChallenge.objects.select_related("credential__organization")
    challenge = rows.filter(pk=challenge_id, organization_id=caller(request).organization_id).first()
    if challenge is None:
        raise Http404
    require_reach(request, challenge.credential_id)
    return challenge


def shown(challenge: ConsumerChallenge) -> Mapping[str, Any]:
    """A challenge whose time is over has failed, also before the sweep has written that down."""
    over = challenge.status in NOBODY_CAME and challenge.expires_at <= database_now()
    error = "expired" if over else challenge.error
    reason = challenges.REASONS.get(error) or (explain.reason(error, challenge.error_description) if error else "")
    return {
        "id": challenge.pk,
        "conversation": challenge.conversation,
        "status": ChallengeStatus.FAILED.value if over else challenge.status,
        "error": error or None,
        "reason": sentence(reason),
        "consumer": challenge.authenticated_subject or None if challenge.status == ChallengeStatus.SUCCEEDED else None,
        "token_expires_at": challenge.token_expires_at if challenge.status == ChallengeStatus.SUCCEEDED else None,
    }
