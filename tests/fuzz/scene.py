"""One organization with something of everything that the API can be asked about, and what the drive picks from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from credentials.models import ConsumerChallenge, Credential, Domain
from credentials.models.challenge import ChallengeStatus
from credentials.models.credential import Status
from organizations.models import Organization
from tests.api.test_consumers import pre_authentication
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.identity import ALICE, id_token, make_provider
from tests.support.lying_server import Answer, LyingServer, Recorded, json_answer, token_answer
from tests.support.nlu import google_json, google_token_endpoint, new_nlu_credential, service_account_key
from tests.support.people import Cast

CONVERSATION = "conversation-1"
CONFIRMATION = "424242"


@dataclass(frozen=True)
class Known:
    """Ids that exist, by the name that a path has for them, and values that mean something, by a body's member."""

    ids: Mapping[str, list[str]]
    values: Mapping[str, list[Any]]


def sealed(organization: Organization, kind: str, **payload: Any) -> Credential:
    made = Credential(organization=organization, account=organization.account, name=kind, kind=kind, payload=payload)
    made.seal("secrets", {"username": "u", "password": "p"})
    made.save()
    return made


def furnish(cast: Cast, server: LyingServer, client: Client, token: str) -> Known:
    """Make all of it. `server` is the resource, the token endpoint and the identity provider in one."""
    organization = cast.organization
    idp = make_provider(cast.account, server)
    server.on("/token", lambda request: granted(request, idp.issuer))
    server.answers(json_answer({"order": "A-1"}), Answer(status=404, body=b"\xff\xfe no such order"), json_answer([]))
    working = make_credential(organization, "Working", token_url=server.url("/token"))
    give_token(working)
    dead = make_credential(organization, "Dead", status=Status.NEEDS_AUTHORIZATION)
    shoppers = pre_authentication(organization)
    address = "https://idp.example/authorize?client_id=brand-client&response_type=code"
    in_chat = sealed(organization, "consumer_authentication", authentication_url=address, scope="openid")
    basic = sealed(organization, "basic")
    later = sealed(organization, "of_a_later_version")
    integrations = [
        make_integration(organization, server.url("/orders/{$botContext.orderId}"), credential=working),
        make_integration(
            organization,
            server.url("/orders"),
            credential=shoppers,
            name="Order",
            method="POST",
            headers=[["X-Order", "{$botContext.orderId}"]],
            parameters=[["q", "{$botContext.q}"]],
            body='{"order": {$botContext.orderId}, "note": "{$botContext.note}"}',
        ),
        make_integration(organization, server.url("/"), name="Open"),
        make_integration(organization, server.url("/"), credential=dead, name="Dead"),
        make_integration(organization, server.url("/"), credential=later, name="Later"),
    ]
    server.on("/google", google_token_endpoint(service_account_key(), server.url("/google")))
    engine = new_nlu_credential(cast, google_json(token_uri=server.url("/google")))
    domains = [
        Domain.objects.create(organization=organization, name="Bare"),
        Domain.objects.create(organization=organization, name="Dead", credential=dead),
        Domain.objects.create(organization=organization, name="Later", credential=later),
        Domain.objects.create(organization=organization, name="Trained", credential=engine),
    ]
    challenges = [asked(client, token, in_chat, confirm=confirm) for confirm in (False, True, True)]
    signed_in(challenges[-1])
    credentials = [working, dead, shoppers, in_chat, basic, later]
    return Known(
        ids={
            "credential_id": [str(each.pk) for each in credentials],
            "integration_id": [str(each.pk) for each in integrations],
            "domain_id": [str(each.pk) for each in domains],
            "challenge_id": challenges,
            "after": [str(working.pk)],
        },
        values={
            "conversation": [CONVERSATION],
            "consumer": [ALICE],
            "code": [CONFIRMATION],
            "subject": [ALICE],
            "variables": [{"orderId": "A-1", "q": True, "note": "n"}, {"orderId": 1e308, "q": None, "note": -0.0}],
            "id_token": [id_token(idp.issuer)],
        },
    )


def signed_in(challenge_id: str) -> None:
    """The consumer of this challenge has a code to type in the chat."""
    challenge = ConsumerChallenge.objects.get(pk=challenge_id)
    challenge.seal("access_token", "canary-at-of-a-consumer")
    challenge.seal("confirmation", CONFIRMATION)
    challenge.status, challenge.token_expires_at = ChallengeStatus.UNCONFIRMED, timezone.now() + timedelta(hours=1)
    challenge.save()


def granted(request: Recorded, issuer: str) -> Answer:
    return token_answer(
        "canary-at-1", refresh_token="canary-rt-1", id_token=id_token(issuer, exp=int(time.time()) + 600)
    )


def asked(client: Client, token: str, credential: Credential, **body: Any) -> str:
    """The id of a new challenge."""
    answer: HttpResponse = client.post(
        f"/api/v1/credentials/{credential.pk}/challenges",
        {"conversation": CONVERSATION, **body},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200, answer.content
    return str(answer.json()["id"])  # type: ignore[attr-defined]
