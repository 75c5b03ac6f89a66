"""A person's browser window, as Django's test client: sign in, press *Authorize*, come back from the resource.

bob = window(cast.bob)
sent = authorize(bob, credential)                 # where the resource is, and the state
come_back(bob, credential, state=sent.state, code="c")
work()                                            # what the queue would have woken a worker for
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.services import exchange
from organizations.models import AuditEntry, Organization


def window(user: User | None = None, **how: Any) -> Client:
    """A browser of its own; `user` is signed in. `enforce_csrf_checks=True` for a browser that minds."""
    client = Client(**how)
    if user is not None:
        client.force_login(user)
    return client


def url(name: str, credential: Credential, *more: object) -> str:
    """The address of a page of one credential."""
    return reverse(f"credentials:{name}", args=[credential.organization_id, credential.pk, *more])


def list_url(organization: Organization) -> str:
    return reverse("credentials:list", args=[organization.pk])


@dataclass(frozen=True)
class Sent:
    """Where *Authorize* sent a person."""

    location: str
    query: Mapping[str, str]

    @property
    def state(self) -> str:
        return self.query["state"]


def sent_by(response: HttpResponse) -> Sent:
    assert response.status_code == 303, (response.status_code, response.content[:2000])
    location = response["Location"]
    return Sent(location, dict(parse_qsl(urlsplit(location).query)))


def authorize(client: Client, credential: Credential) -> Sent:
    """Press *Authorize*."""
    return sent_by(client.post(url("authorize", credential)))


def callback_url(credential: Credential) -> str:
    return reverse("oauth2-callback", args=[credential.pk])


def come_back(client: Client, credential: Credential, **query: str) -> HttpResponse:
    """Open the callback as the resource's redirect does."""
    return client.get(callback_url(credential), query)


def work() -> int:
    """Exchange every code that is waiting. How many there were."""
    waiting = list(Authorization.objects.filter(status=AuthorizationStatus.RECEIVED).values_list("pk", flat=True))
    return sum(exchange.exchange(authorization_id) for authorization_id in waiting)


def words(response: HttpResponse) -> str:
    """What a person reads on a page: no tags, entities resolved, spaces collapsed."""
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def title(response: HttpResponse) -> str:
    found = re.search(r"<title>(.*?)</title>", response.content.decode(), re.DOTALL)
    assert found
    return " ".join(html.unescape(found[1]).split())


def actions_about(credential_id: object) -> list[str]:
    """The audit log's actions about one credential, the oldest first."""
    entries = AuditEntry.objects.filter(object_type="credential", object_id=str(credential_id)).order_by("position")
    return list(entries.values_list("action", flat=True))
