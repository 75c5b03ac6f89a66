"""Rows as a person reads them: words, tones, icons and addresses for the templates. Decides nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from credentials.models import Credential, OAuthToken
from credentials.models.credential import Status
from credentials.services import account, attach, explain
from credentials.services.addresses import shown_redirect_uri
from credentials.services.describe import reason_of
from credentials.services.identity_provider import is_missing
from credentials.services.listing import EXPIRING_WITHIN
from credentials.types.base import CredentialType, Fact
from credentials.types.registry import UnknownType, room
from organizations.access import Access
from organizations.policies import Action


def asks_again(request: HttpRequest, part: str) -> bool:
    """Whether an open page asks by itself how its `part` stands, which htmx names by its id.

    What it is sent says nothing of secrets, and so it is no view that would have to be told of.
    """
    return request.headers.get("HX-Trigger") == part


@dataclass(frozen=True)
class Shown:
    """A status: an icon, a word, why, and since when where that is news."""

    status: str
    status_tone: str
    status_icon: str
    status_reason: str = ""
    status_since: datetime | None = None


LOOKS: dict[str, tuple[str, str]] = {
    Status.ACTIVE: ("ok", "check-circle-fill"),
    Status.NEEDS_AUTHORIZATION: ("warn", "exclamation-triangle-fill"),
    Status.AUTHORIZING: ("busy", "arrow-repeat"),
    Status.FAILED: ("bad", "x-circle-fill"),
}
# Saved but not authorized yet is a normal state, not a warning.
NEW = Shown("Needs authorization", "idle", "dash-circle", "it has not been authorized yet")


def status_of(credential: Credential) -> Shown:
    """What is stored, except *Expiring*: an active credential whose end is near or whose renewal is failing."""
    if credential.deactivated_at is not None:
        return Shown(Status.FAILED.label, *LOOKS[Status.FAILED], reason_of(credential), credential.deactivated_at)
    if credential.status_code == "not_authorized":
        return NEW
    if credential.status == Status.ACTIVE and (reason := why_expiring(credential)):
        return Shown("Expiring", "warn", "hourglass-split", reason)
    tone, icon = LOOKS[credential.status]
    since = credential.status_changed_at if credential.status_reason else None
    return Shown(Status(credential.status).label, tone, icon, credential.status_reason, since)


def why_expiring(credential: Credential) -> str:
    token: OAuthToken | None = getattr(credential, "token", None)
    if token is not None and token.failures and token.refresh_at:
        return f"renewing it failed and is tried again: {token.last_error}"
    if credential.expires_at and credential.expires_at < timezone.now() + EXPIRING_WITHIN:
        try:
            return room(credential.kind).ending
        except UnknownType:
            return "it ends soon"
    return ""


def without_end(credential: Credential) -> str:
    """What to say where no end is known: of access that is renewed, of access that lasts, of no access yet."""
    if credential.stands[0] != Status.ACTIVE:
        return "—"
    token: OAuthToken | None = getattr(credential, "token", None)
    return "renews itself" if token is not None and token.refresh_at else "does not expire"


@dataclass(frozen=True)
class CredentialView:
    """One credential for the list and for its own page."""

    id: Any
    name: str
    type_label: str
    type_icon: str
    grant_label: str
    status: str
    status_tone: str
    status_icon: str
    status_reason: str
    status_since: datetime | None
    last_used_at: datetime | None
    expires_at: datetime | None
    without_end: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    used_by: int
    attaches_to: str
    detail_url: str
    edit_url: str
    delete_url: str
    authorize_url: str | None
    can_manage: bool
    facts: list[Fact] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def present(access: Access, credential: Credential, *, used_by: int = 0, with_facts: bool = False) -> CredentialView:
    """`credential` with its token already loaded, and with its creator and editor for the page that has the facts."""
    try:
        authentication = room(credential.kind)
        type_label, type_icon = authentication.label, authentication.icon
        variant = authentication.variant(credential.payload)
        authorizable = authentication.authorizable(credential.payload) and credential.deactivated_at is None
        facts, warnings = facts_of(authentication, credential) if with_facts else ([], [])
    except UnknownType:
        type_label, type_icon, variant, authorizable = credential.kind, "question-circle", "", False
        facts, warnings = [], []
    where = [access.organization.pk, credential.pk]
    shown = status_of(credential)
    return CredentialView(
        id=credential.pk,
        name=credential.name,
        type_label=type_label,
        type_icon=type_icon,
        grant_label=variant,
        status=shown.status,
        status_tone=shown.status_tone,
        status_icon=shown.status_icon,
        status_reason=shown.status_reason,
        status_since=shown.status_since,
        last_used_at=credential.last_used_at,
        expires_at=credential.expires_at,
        without_end=without_end(credential),
        created_at=credential.created_at,
        created_by=str(credential.created_by or "") if with_facts else "",
        updated_at=credential.updated_at,
        updated_by=str(credential.updated_by or "") if with_facts else "",
        used_by=used_by,
        attaches_to=attach.place_of(credential) or "",
        detail_url=reverse("credentials:detail", args=where),
        edit_url=reverse("credentials:edit", args=where),
        delete_url=reverse("credentials:delete", args=where),
        authorize_url=reverse("credentials:authorize", args=where) if authorizable else None,
        can_manage=access.may(Action.MANAGE_CREDENTIALS),
        facts=facts,
        warnings=warnings,
    )


def facts_of(authentication: CredentialType, credential: Credential) -> tuple[list[Fact], list[str]]:
    """What its page says of it, and what it warns of."""
    configured = authentication.configured(credential.payload) if credential.secrets else ()
    return authentication.facts(credential.payload, configured), authentication.warnings(credential.payload)


@dataclass(frozen=True)
class Problem:
    """What stands between a credential and its use, and the button that mends it."""

    title: str
    what_happened: str
    what_to_do: str
    action_label: str = ""
    action_url: str = ""
    method: str = "post"
    tone: str = ""


def problem_of(credential: Credential, view: CredentialView) -> Problem | None:
    status, code = credential.stands
    if status == Status.ACTIVE or not code:
        return None
    explained = explain.explanation(code)
    happened = reason_of(credential) or explained.happened
    token: OAuthToken | None = getattr(credential, "token", None)
    is_tried_again = token is not None and token.refresh_at is not None
    return Problem(
        title=explained.title,
        what_happened=f"{happened[:1].upper()}{happened[1:]}.",
        what_to_do=explained.remedy if is_tried_again else explained.by_hand or explained.remedy,
        **({} if credential.deactivated_at else way_out(view)),
    )


def way_out(view: CredentialView) -> dict[str, str]:
    """The button that mends it."""
    if view.authorize_url:
        return {"action_label": "Authorize", "action_url": view.authorize_url, "method": "post"}
    return {"action_label": "Edit", "action_url": view.edit_url, "method": "get"}


def question_about(credential: Credential) -> Problem | None:
    """Another account was authorized than before: where a person says which is right."""
    asking = account.question_of(credential)
    if asking is None:
        return None
    explained = explain.explanation(account.IN_QUESTION)
    works = " The former account goes on working." if credential.status == Status.ACTIVE else ""
    return Problem(
        title=explained.title,
        what_happened=f"{explained.happened[:1].upper()}{explained.happened[1:]}.{works}",
        what_to_do=explained.remedy,
        action_label="Look at both accounts",
        action_url=reverse("credentials:authorization", args=[credential.organization_id, credential.pk, asking.pk]),
        method="get",
        tone="warn",
    )


def provider_down(access: Access, credential: Credential) -> Problem | None:
    """What to say while the token endpoint is taken to be down: since when, and that nothing is to do."""
    token: OAuthToken | None = getattr(credential, "token", None)
    endpoint = token.endpoint if token is not None else None
    if token is None or endpoint is None or endpoint.down_since is None or token.refresh_at is None:
        return None
    if credential.status not in (Status.ACTIVE, Status.FAILED):
        return None
    host = endpoint.host.removesuffix(":443")
    why = explain.explanation(endpoint.last_error).happened
    lives = token.lives_at(timezone.now())
    return Problem(
        title="The resource is not answering",
        what_happened=f"{host} has not given an answer since {date_format(endpoint.down_since, 'j F, H:i')} UTC "
        f"({why}).",
        what_to_do="Nothing needs to be done: it is asked again by itself, and renewed when it is back. "
        + ("Until it ends, the present one is used." if lives else "Until then bots are told to come again later."),
        action_label="Retry now",
        action_url=reverse("credentials:retry", args=[access.organization.pk, credential.pk]),
        tone="warn",
    )


def missing_identity_provider(access: Access, credential: Credential) -> Problem | None:
    """What a credential for consumers needs of the account, and where an administrator sets it up."""
    if not is_missing(credential):
        return None
    may = access.may(Action.MANAGE_ACCOUNT)
    return Problem(
        title="The account has no identity provider yet",
        what_happened="Consumers' tokens come from the identity provider of your account, and none is set up.",
        what_to_do="Set it up with what the identity provider's own settings say."
        if may
        else "Ask an administrator to set it up.",
        action_label="Set up the identity provider" if may else "",
        action_url=reverse("credentials:identity-provider", args=[access.organization.account.number]) if may else "",
        method="get",
        tone="warn",
    )


def redirect_uri_of(credential: Credential) -> dict[str, Any]:
    """What is registered as the redirect URI at the resource or the identity provider, for a page that shows it."""
    try:
        authentication = room(credential.kind)
    except UnknownType:
        return {}
    life_cycle, shared = authentication.life_cycle, authentication.shared_callback
    if not shared and not (life_cycle is not None and life_cycle.needs_consent(credential.payload)):
        return {}
    uri = shown_redirect_uri(authentication, credential.pk, credential.organization.account.number)
    return {"redirect_uri": uri, "redirect_uri_is_shared": shared}
