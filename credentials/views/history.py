"""What happened to one credential: its latest entries in the audit log, of all kinds or of one."""

from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.db.models import Q
from django.http import HttpRequest

from credentials.models import Credential
from credentials.services import explain
from credentials.services.records import VIEWED
from organizations.models import AuditEntry

SHOWN = 20
# A kind is looked for among so many of the latest: the page asks again every few seconds, and of a busy credential
# nearly everything is of one kind.
LOOKED_AT = 1000
WORDS = {
    "credential.created": "Added",
    "credential.edited": "Edited",
    "credential.expired": "Access ended",
    "credential.used": "Used for an API integration",
    "credential.attached": "Attached to an API integration",
    "credential.detached": "Taken from an API integration",
    "credential.attached_to_domain": "Attached to a domain",
    "credential.detached_from_domain": "Taken from a domain",
    "authorization.started": "Authorization started",
    "authorization.received": "Consent given at the resource",
    "authorization.failed": "Authorization failed",
    "authorization.another_account": "Another account than before was authorized",
    "authorization.account_accepted": "The new account was accepted",
    "token.obtained": "Access token obtained",
    "token.refreshed": "Access token renewed",
    "token.refresh_failed": "Renewing the access token failed",
    "challenge.created": "A bot asked for a consumer to be authenticated",
    "challenge.started": "A consumer went to sign in",
    "challenge.succeeded": "A consumer was authenticated",
    "challenge.failed": "Authenticating a consumer failed",
    "token.served": "Access token handed to a bot",
}
USED = Q(action__in=("credential.used", "token.served"))
# Name in the address -> (what a person chooses, which entries).
KINDS: dict[str, tuple[str, Q]] = {
    "": ("Everything", Q()),
    "failed": ("What failed", ~Q(outcome="ok")),
    "changes": ("Changes", Q(action__startswith="credential.") & ~USED),
    "authorizations": ("Authorizations", Q(action__startswith="authorization.")),
    "tokens": ("Tokens", Q(action__startswith="token.") & ~USED),
    "consumers": ("Consumers", Q(action__startswith="challenge.")),
    "uses": ("Uses", USED),
}


@dataclass(frozen=True)
class Event:
    """One entry in words."""

    when: datetime
    who: str
    what: str
    why: str
    outcome: str


class ActivityForm(forms.Form):
    """Which kind to show, from the address of the page; what is not understood shows everything."""

    activity = forms.ChoiceField(
        label="Show", required=False, choices=[(name, label) for name, (label, _) in KINDS.items()]
    )

    @property
    def chosen(self) -> str:
        return str(self.cleaned_data.get("activity", "")) if self.is_valid() else ""


def activity_of(request: HttpRequest, credential: Credential) -> dict[str, object]:
    """The activity for the page of a credential, and the form that narrows it."""
    form = ActivityForm(request.GET)
    return {
        "activity": [event(entry) for entry in entries(credential, form.chosen)],
        "activity_form": form,
        "activity_is_filtered": bool(form.chosen),
    }


def entries(credential: Credential, kind: str) -> list[AuditEntry]:
    """The latest of a kind, newest first. Who looked at it is in the organization's activity."""
    about = AuditEntry.objects.filter(
        chain_id=credential.organization_id, object_type="credential", object_id=str(credential.pk)
    ).order_by("-position")
    about = about.exclude(action=VIEWED)
    if kind:
        about = AuditEntry.objects.filter(pk__in=about.values("pk")[:LOOKED_AT]).order_by("-position")
    return list(about.filter(KINDS[kind][1])[:SHOWN])


def event(entry: AuditEntry) -> Event:
    error = entry.details.get("error", "") if isinstance(entry.details, dict) else ""
    return Event(
        when=entry.at,
        who=entry.actor_label,
        what=WORDS.get(entry.action, entry.action),
        why=explain.explanation(error).happened if error else "",
        outcome=entry.outcome,
    )
