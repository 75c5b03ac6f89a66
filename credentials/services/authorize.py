"""Authorize a credential: send the person to the resource, take the callback, hand the rest to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from credentials.crypto.envelope import Unsealable
from credentials.models import Authorization, Credential, OAuthToken
from credentials.models.authorization import OPEN, AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.oauth import discovery, pkce, state
from credentials.oauth.errors import of_provider
from credentials.oauth.redaction import redact
from credentials.outbound import GuardedAdapter, leads_to_the_same_place
from credentials.services import activation, explain, journal, wake
from credentials.services.addresses import redirect_uri
from credentials.services.records import record
from credentials.types.base import Material
from credentials.types.registry import room
from organizations import audit
from organizations.access import Access, enter
from organizations.policies import Action

LIFETIME = timedelta(minutes=10)
DISCOVERY_SECONDS = 3.0
SAID_AT_MOST = 300  # characters of a provider's description that are kept
PARAMETER_AT_MOST = 4000  # characters of a callback's parameter


USED = "This answer was already used."


class NotAuthorizable(Exception):
    """This type has nothing to authorize."""


class ChangedMeanwhile(Exception):
    """Somebody has edited or deleted the credential while its authorization was being prepared."""


class CallbackRefused(Exception):
    """A callback that does not belong to a running authorization of this person, browser and credential."""


@dataclass(frozen=True)
class Started:
    """`go_to` is where to send the person; None where a worker needs nobody's consent."""

    authorization: Authorization
    go_to: str | None


def start(access: Access, credential: Credential, *, nonce: str) -> Started:
    """Begin an authorization, bound to this person, this browser (`nonce`) and this credential.

    Raises `NotAuthorizable`, `Deactivated`, `ChangedMeanwhile`, and `Unsealable` where the stored secrets cannot be
    opened any more.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    activation.require_active(credential)
    authentication = room(credential.kind)
    life_cycle = authentication.life_cycle
    if life_cycle is None or not authentication.authorizable(credential.payload):
        raise NotAuthorizable
    try:
        material = Material(credential.payload, credential.open_secrets())
    except Unsealable:
        note_unreadable(access, credential)
        raise
    consent = life_cycle.needs_consent(credential.payload)
    secret_state = state.new_state()
    verifier = pkce.new_verifier() if consent and life_cycle.uses_pkce(credential.payload) else None
    metadata = discover(life_cycle.authorization_endpoint(credential.payload)) if consent else None
    uri = redirect_uri(credential.pk) if consent else ""
    now = database_now()
    authorization = Authorization(
        credential=credential,
        organization_id=credential.organization_id,
        user=access.user,
        state_digest=state.digest(secret_state),
        nonce_digest=state.digest(nonce),
        redirect_uri=uri,
        issuer=metadata.issuer if metadata else "",
        iss_required=bool(metadata and metadata.iss_parameter_supported),
        userinfo_url=userinfo_url(metadata, life_cycle.endpoint(credential.payload)),
        asked_scope=life_cycle.requested_scope(credential.payload),
        status=AuthorizationStatus.STARTED if consent else AuthorizationStatus.RECEIVED,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    if verifier:
        authorization.seal("verifier", verifier)
    with transaction.atomic():
        # Discovery took its time. Consent to values that somebody has replaced meanwhile must not reach the new ones.
        same = Credential.objects.select_for_update(of=("self",)).filter(pk=credential.pk, version=credential.version)
        if same.first() is None:
            raise ChangedMeanwhile
        authorization.save(force_insert=True)
        OAuthToken.objects.get_or_create(credential=credential, organization_id=credential.organization_id)
        # A credential that works goes on working while somebody authorizes it anew.
        if credential.status != Status.ACTIVE:
            journal.set_status(credential, Status.AUTHORIZING, "", "", now)
        record(credential, access.actor, "authorization.started", authorization=authorization.pk.hex)
        if not consent:
            transaction.on_commit(partial(wake.exchange, authorization.pk))
    go_to = (
        life_cycle.authorization_url(material, redirect_uri=uri, state=secret_state, verifier=verifier)
        if consent
        else None
    )
    return Started(authorization, go_to)


def note_unreadable(access: Access, credential: Credential) -> None:
    """The secrets were moved or damaged, or their key is gone. It fails from here on and says so."""
    code = "secrets_unreadable"
    with transaction.atomic():
        journal.set_status(credential, Status.FAILED, code, explain.reason(code), database_now())
        record(credential, access.actor, "authorization.failed", outcome="failed", error=code)


def hold_workers(credential: Credential) -> None:
    """Lock what a worker locks, in the one order that all keep: credential, token, authorizations."""
    Credential.objects.select_for_update(of=("self",)).filter(pk=credential.pk).first()
    OAuthToken.objects.select_for_update().filter(pk=credential.pk).first()
    list(Authorization.objects.select_for_update().filter(credential=credential, status__in=OPEN).values_list("pk"))


def discover(auth_url: str) -> discovery.Metadata | None:
    transport = GuardedAdapter(deadline=DISCOVERY_SECONDS)
    try:
        return discovery.discover(auth_url, transport=transport, budget=DISCOVERY_SECONDS)
    finally:
        transport.close()


def userinfo_url(metadata: discovery.Metadata | None, token_url: str) -> str:
    """The server's userinfo endpoint, or "". An access token goes to no other host than the one that issues it."""
    address = metadata.userinfo_endpoint if metadata else None
    return address if address and leads_to_the_same_place(address, token_url) else ""


def take_callback(
    user: User | AnonymousUser, credential_id: UUID, query: Mapping[str, str], *, nonce: str
) -> Authorization:
    """Accept the resource's answer, once. Raises `CallbackRefused`; then nothing was changed and nobody was called."""
    authorization = running(user, credential_id, query.get("state", ""), nonce)
    # Rights may have changed while the person was away.
    enter(user, authorization.organization_id, Action.MANAGE_CREDENTIALS)
    error, said = of_provider(query.get("error", ""), query.get("error_description", ""))
    wrong_server = iss_is_wrong(authorization, query.get("iss"))
    code = query.get("code", "")
    if wrong_server or error or not code:
        sent = [code, query.get("state", "")]
        why = "iss_mismatch" if wrong_server else clean(redact(error, sent))[:100] or "invalid_request"
        said = "" if wrong_server else said or ("" if error else "The answer held neither a code nor an error.")
        said = clean(redact(said, sent))
        if not give_up(authorization, why, said, expected=AuthorizationStatus.STARTED):
            raise CallbackRefused(USED)
        return authorization
    authorization.seal("code", code)
    with transaction.atomic():
        accepted = Authorization.objects.filter(pk=authorization.pk, status=AuthorizationStatus.STARTED).update(
            status=AuthorizationStatus.RECEIVED, code=authorization.code
        )
        if not accepted:
            raise CallbackRefused(USED)
        record(
            authorization.credential,
            actor_of(authorization),
            "authorization.received",
            authorization=authorization.pk.hex,
        )
        transaction.on_commit(partial(wake.exchange, authorization.pk))
    return authorization


def running(user: User | AnonymousUser, credential_id: UUID, secret_state: str, nonce: str) -> Authorization:
    """The authorization that this state belongs to, if person, browser, credential and time are right."""
    authorization = (
        Authorization.objects.select_related("credential__organization", "user")
        .filter(credential_id=credential_id, state_digest=state.digest(secret_state[:PARAMETER_AT_MOST]))
        .first()
    )
    if authorization is None or user.pk is None or authorization.user_id != user.pk:
        raise CallbackRefused("This answer belongs to no authorization that you started.")
    # Before the nonce, which a browser forgets once nothing is under way: a reload must not be told of another browser.
    if authorization.status != AuthorizationStatus.STARTED:
        raise CallbackRefused(USED)
    if not nonce or not state.matches(nonce, authorization.nonce_digest):
        raise CallbackRefused("This authorization was started in another browser.")
    if authorization.expires_at <= database_now():
        raise CallbackRefused("This authorization was started more than 10 minutes ago.")
    return authorization


def iss_is_wrong(authorization: Authorization, issuer: str | None) -> bool:
    """RFC 9207 §2.4: compared as an exact string; missing though the server advertises it is wrong too."""
    if issuer is None:
        return authorization.iss_required
    return bool(authorization.issuer) and issuer != authorization.issuer


def give_up(
    authorization: Authorization,
    code: str,
    said: str,
    *,
    expected: AuthorizationStatus,
    actor: audit.Actor | None = None,
) -> bool:
    """End an authorization without a token. What was entered stays; a credential that worked goes on working.

    False where it was no longer in the `expected` status: then somebody else ended it or took it up.
    """
    now = database_now()
    with transaction.atomic():
        # The credential first, as everybody who changes both: see `hold_workers`.
        rows = Credential.objects.select_related("organization").select_for_update(of=("self",), no_key=True)
        credential = rows.filter(pk=authorization.credential_id).first()
        ended = Authorization.objects.filter(pk=authorization.pk, status=expected).update(
            status=AuthorizationStatus.FAILED, error=code, error_description=said, code="", verifier="", finished_at=now
        )
        if credential is None or not ended:
            return False
        if credential.status != Status.ACTIVE:
            ended_as = Status.FAILED if code in LEADS_TO_FAILED else Status.NEEDS_AUTHORIZATION
            journal.set_status(credential, ended_as, code, explain.reason(code, said), now)
        record(credential, actor or actor_of(authorization), "authorization.failed", outcome="failed", error=code)
    return True


# What a new consent alone does not mend: the entered values or the resource have to change first.
LEADS_TO_FAILED = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "unsupported_response_type"}
    | {"invalid_request", "network", "tls", "timeout", "blocked", "redirect", "malformed_answer", "server_error"}
    | {"temporarily_unavailable", "iss_mismatch", "secrets_unreadable"}
    | {"http_error", "refused", "too_large", "too_many_requests"}
)


def clean(said: str) -> str:
    """A provider's words on one line, without control characters, cut to a length that a page can bear."""
    return " ".join("".join(c if c.isprintable() else " " for c in said[: SAID_AT_MOST * 4]).split())[:SAID_AT_MOST]


def actor_of(authorization: Authorization) -> audit.Actor:
    return audit.Actor.for_user(authorization.user) if authorization.user else audit.Actor.anonymous()
