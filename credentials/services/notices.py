"""Tell people and other systems of an event: a row in the outbox, written in the transaction of what happened.

Nothing is sent here. `mails` and `deliveries` send what lies in the outbox, woken by a message or by the sweep. A
notice is told once: a change of status happens once, and what lasts (a provider that is down) has an open key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse

from credentials.models import ConsumerChallenge, Credential, Ending, Notice, Webhook, WebhookDelivery
from credentials.models.challenge import ChallengeStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.models.ending import Mend
from credentials.models.notice import Event
from credentials.services import explain, wake
from organizations.models import Organization
from organizations.policies import Action

LISTED_AT_MOST = 50


def needs_somebody(credential: Credential, status: Status, code: str) -> None:
    """It came to this `status` while nobody looked, and only a person can help.

    The provider's own words stay on the credential's page.
    """
    explained = explain.explanation(code)
    needs_consent = status == Status.NEEDS_AUTHORIZATION
    event = Event.NEEDS_AUTHORIZATION if needs_consent else Event.FAILED
    tell(
        credential.organization,
        event,
        headline=f"{credential.name} {'needs authorization' if needs_consent else 'has failed'}",
        text=f"{explained.happened[:1].upper()}{explained.happened[1:]}. {explained.remedy}",
        path=path_of(credential),
        action=Action.MANAGE_CREDENTIALS,
        data={**about(credential), "status": str(status), "error": code[:100]},
    )


def expiring(organization: Organization, endings: Sequence[Ending], now: datetime) -> None:
    """Warn of what ends soon: one notice for all of it. The caller has claimed each warning."""
    lines = [
        f"{one_line(name_of(each))}: {each.what} ends in {days(each, now)}, on {each.ends_at:%Y-%m-%d}."
        for each in endings
    ]
    first = endings[0]
    tell(
        organization,
        Event.EXPIRING,
        headline=f"{name_of(first)}: {first.what} ends in {days(first, now)}"
        if len(endings) == 1
        else f"{len(endings)} things end soon",
        text="\n".join(lines[:LISTED_AT_MOST]),
        path=mending_path(first)
        if len({mending_path(each) for each in endings}) == 1
        else reverse("credentials:expiry", args=[organization.pk]),
        action=Action.MANAGE_CREDENTIALS if first.credential is not None else Action.MANAGE_SERVICE_TOKENS,
        data={
            "count": len(endings),
            "endings": [
                {
                    **(about(each.credential) if each.credential else {"service_token": str(each.service_token_id)}),
                    "name": name_of(each),
                    "what": each.what,
                    "ends_at": each.ends_at.isoformat(timespec="seconds"),
                }
                for each in endings[:LISTED_AT_MOST]
            ],
        },
    )


def provider_down(organization: Organization, host: str, *, credentials: int = 0) -> bool:
    """A provider's token endpoint does not answer. False where this was told already and it is not back yet.

    `credentials` is how many of the organization's credentials take tokens there, where the caller knows.
    """
    many = f" {credentials} credentials take their tokens there." if credentials > 1 else ""
    return tell(
        organization,
        Event.PROVIDER_DOWN,
        headline=f"{host} is down",
        text=f"The provider does not answer token requests.{many} Nothing needs to be done: they are tried again, and "
        "tokens that have not ended are served meanwhile.",
        path=reverse("credentials:list", args=[organization.pk]),
        action=Action.MANAGE_CREDENTIALS,
        open_key=key_of(host),
        data={"host": host[:255], "credentials": credentials},
    )


def provider_back(organization: Organization, host: str) -> bool:
    """It answers again. False where nobody was told that it was down."""
    if not Notice.objects.filter(organization=organization, open_key=key_of(host)).update(open_key=""):
        return False
    return tell(
        organization,
        Event.PROVIDER_BACK,
        headline=f"{host} is back",
        text="The provider answers token requests again.",
        path=reverse("credentials:list", args=[organization.pk]),
        action=Action.MANAGE_CREDENTIALS,
        data={"host": host[:255]},
    )


def key_of(host: str) -> str:
    return f"provider {host[:255]}"


def challenge_ended(challenge: ConsumerChallenge, status: ChallengeStatus, *, error: str = "") -> None:
    """Tell the webhook of the service token whose bot asked for it. Nobody else: it is about one conversation."""
    if challenge.service_token_id is None:
        return
    webhook = Webhook.objects.filter(service_token_id=challenge.service_token_id, service_token__revoked_at=None)
    succeeded = status == ChallengeStatus.SUCCEEDED
    data: dict[str, Any] = {
        "challenge": str(challenge.pk),
        "credential": str(challenge.credential_id),
        "conversation": challenge.conversation,
        "status": str(status),
    }
    for each in webhook:
        event = Event.CHALLENGE_SUCCEEDED if succeeded else Event.CHALLENGE_FAILED
        send(each, event, headline=event.label, data=data | ({"error": error} if error else {}))


def tell(
    organization: Organization,
    event: Event,
    *,
    headline: str,
    text: str,
    path: str,
    action: Action,
    data: Mapping[str, Any],
    open_key: str = "",
) -> bool:
    """Put a notice into the outbox, for people and for the organization's webhook. False where the key is open."""
    notice = Notice(
        organization=organization,
        event=event,
        headline=one_line(headline),
        text=text,
        path=path,
        data=dict(data),
        action=str(action),
        open_key=open_key,
        created_at=database_now(),
    )
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError:
        return False
    for webhook in Webhook.objects.filter(organization=organization, service_token=None):
        address(notice, webhook)
    return True


def send(webhook: Webhook, event: Event, *, headline: str, data: Mapping[str, Any]) -> WebhookDelivery:
    """Put a message for this one webhook into the outbox; people are not told."""
    notice = Notice.objects.create(
        organization_id=webhook.organization_id,
        event=event,
        headline=headline,
        data=dict(data),
        created_at=database_now(),
    )
    return address(notice, webhook)


def address(notice: Notice, webhook: Webhook) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(
        webhook=webhook,
        notice=notice,
        organization_id=notice.organization_id,
        due_at=notice.created_at,
        created_at=notice.created_at,
    )
    # An address that is failing is left to the sweep.
    if webhook.blocked_until is None:
        transaction.on_commit(partial(wake.deliver, webhook.pk))
    return delivery


def about(credential: Credential) -> dict[str, str]:
    return {"credential": str(credential.pk), "name": credential.name}


def name_of(ending: Ending) -> str:
    thing = ending.credential or ending.service_token
    return thing.name if thing else ""


def days(ending: Ending, now: datetime) -> str:
    """How long it is until the end, rounded to days."""
    number = max(1, round((ending.ends_at - now).total_seconds() / 86400))
    return "1 day" if number == 1 else f"{number} days"


def path_of(credential: Credential) -> str:
    return reverse("credentials:detail", args=[credential.organization_id, credential.pk])


def mending_path(ending: Ending) -> str:
    """The page with the button that mends it."""
    if ending.credential is None:
        return reverse("organizations:service-tokens", args=[ending.organization_id])
    name = "credentials:edit" if ending.mend == Mend.EDIT else "credentials:detail"
    return reverse(name, args=[ending.organization_id, ending.credential.pk])


def one_line(text: str) -> str:
    """What can stand in the subject of a mail: names are people's, and may hold anything that prints."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:400]
