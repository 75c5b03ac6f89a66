"""A process inside the product's environment that furnishes it once and then answers questions about what is stored.

`python -m tests.chaos.inspector` reads one JSON object a line, `{"ask": NAME, …}`, and writes one. It opens what is
sealed and says no more of it than a digest. The chains are verified from where they were verified the last time.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402 - the models need the set-up above
from django.db import close_old_connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from credentials.models import (  # noqa: E402
    ApiIntegration,
    ConsumerChallenge,
    ConsumerIdentityProvider,
    ConsumerToken,
    Credential,
    OAuthToken,
)
from credentials.models.challenge import ChallengeStatus  # noqa: E402
from organizations import services  # noqa: E402
from organizations.audit import Actor, entry_hash  # noqa: E402
from organizations.issuing import create_service_token  # noqa: E402
from organizations.models import Account, AuditChain, AuditEntry, Organization  # noqa: E402

STAGE = Actor.command("chaos")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SCOPE = "read"


def furnish(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that `tests.chaos.cast` has written down; ids and service tokens that the product chose."""
    alice = User.objects.create_user("alice", "alice@example.com", plan["password"])
    made: dict[str, Any] = {"organizations": {}, "integrations": {}}
    for each in plan["accounts"]:
        account = services.create_account(STAGE, each["number"], f"Brand {each['number']}")
        provide(account, each, plan)
        for home in each["organizations"]:
            organization = services.create_organization(STAGE, account, home["name"], administrator=alice)
            bot = services.create_bot(STAGE, organization, "Order desk")
            _, token = create_service_token(STAGE, organization, "runtime", timezone.now() + DAY)
            made["organizations"][home["name"]] = {"id": str(organization.pk), "service_token": token}
            for row in home["credentials"]:
                credential = keep_credential(organization, account, row, plan)
                made["integrations"][row["id"]] = integrate(organization, bot.pk, credential, row, plan)
            keep_conversations(organization, account, home, plan)
        keep_consumers(account, each)
    return made


def provide(account: Account, each: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    """The identity provider of the account's consumers."""
    provider = ConsumerIdentityProvider(
        account=account,
        display_name="Brand sign-in",
        issuer=plan["url"] + "/idp",
        authorization_endpoint=plan["url"] + "/idp/authorize",
        token_endpoint=f"{plan['url']}/idp/{each['number']}/token",
        client_id=each["client_id"],
        jwks_url=plan["url"] + "/idp/jwks",
    )
    provider.seal("secrets", {"client_secret": plan["client_secret"]})
    provider.save()


def keep_credential(
    organization: Organization, account: Account, row: Mapping[str, Any], plan: Mapping[str, Any]
) -> Credential:
    """An OAuth 2.0 credential that was authorized a moment ago."""
    payload = {
        "grant_type": row["grant_type"],
        "client_id": row["client_id"],
        "token_url": plan["url"] + "/token",
        "scope": SCOPE,
        "client_authentication": "basic",
    }
    if row["refresh_token"]:
        payload |= {"auth_url": plan["url"] + "/authorize", "use_pkce": True}
    credential = Credential(
        pk=row["id"],
        organization=organization,
        account=account,
        name=row["name"],
        kind="oauth2",
        payload=payload,
        status="active",
    )
    credential.seal("secrets", {"client_secret": plan["client_secret"]})
    credential.save(force_insert=True)
    now = timezone.now()
    token = OAuthToken(
        credential=credential,
        organization=organization,
        token_type="Bearer",
        scope=SCOPE,
        generation=1,
        obtained_at=now,
        expires_at=now + HOUR,
        refresh_at=now + HOUR - timedelta(minutes=5),
    )
    token.seal("access_token", row["access_token"])
    token.seal("refresh_token", row["refresh_token"] or None)
    token.save(force_insert=True)
    return credential


def integrate(
    organization: Organization, bot_id: Any, credential: Credential, row: Mapping[str, Any], plan: Mapping[str, Any]
) -> str:
    """An integration that calls what knows by whom it wants to be called."""
    integration = ApiIntegration.objects.create(
        organization=organization,
        bot_id=bot_id,
        credential=credential,
        name=f"Orders of {row['name']}",
        method="GET",
        url=f"{plan['url']}/orders/{row['owner']}",
    )
    return str(integration.pk)


def keep_conversations(
    organization: Organization, account: Account, home: Mapping[str, Any], plan: Mapping[str, Any]
) -> None:
    """A credential for consumers who sign in while they talk, and some who have."""
    address = f"{plan['url']}/idp/authorize?client_id=brand&scope=openid&response_type=code"
    payload = {"authentication_url": address}
    credential = Credential(
        pk=home["challenges"],
        organization=organization,
        account=account,
        name="Challenges",
        kind="consumer_authentication",
        payload=payload,
        status="active",
    )
    credential.seal("secrets", {})
    credential.save(force_insert=True)
    now = timezone.now()
    for number, row in enumerate(home["conversations"]):
        challenge = ConsumerChallenge(
            credential=credential,
            organization=organization,
            account=account,
            conversation=row["name"],
            handle_digest=hashlib.sha256(f"{home['challenges']}{number}".encode()).hexdigest(),
            token_type="Bearer",
            token_expires_at=now + DAY,
            status=ChallengeStatus.SUCCEEDED,
            authenticated_subject=row["name"],
            created_at=now,
            expires_at=now + DAY,
            finished_at=now,
        )
        challenge.seal("access_token", row["access_token"])
        challenge.save(force_insert=True)


def keep_consumers(account: Account, each: Mapping[str, Any]) -> None:
    """Consumers who signed in before, and the credential that carries their tokens: one for the account."""
    organization = Organization.objects.filter(account=account, name=each["organizations"][0]["name"]).get()
    credential = Credential(
        pk=each["consumers_credential"],
        organization=organization,
        account=account,
        name="Consumers",
        kind="consumer_pre_authentication",
        payload={},
        status="active",
    )
    credential.seal("secrets", {})
    credential.save(force_insert=True)
    now = timezone.now()
    for row in each["consumers"]:
        token = ConsumerToken(
            account=account,
            organization=organization,
            subject=row["subject"],
            token_type="Bearer",
            generation=1,
            obtained_at=now,
            expires_at=now + HOUR,
            refresh_at=now + HOUR,
        )
        token.seal("access_token", row["access_token"])
        token.seal("refresh_token", row["refresh_token"])
        token.save(force_insert=True)


def hand_over(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A consumer has signed in anew."""
    token = ConsumerToken.objects.get(account__number=asked["account"], subject=asked["subject"])
    now = timezone.now()
    token.seal("access_token", asked["access_token"])
    token.seal("refresh_token", asked["refresh_token"])
    token.generation, token.failures = token.generation + 1, 0
    token.obtained_at, token.expires_at, token.refresh_at = now, now + HOUR, now + HOUR
    token.save()
    return {}


class Verified:
    """How far each chain was found to be as it was written, and how many tokens it says were served."""

    def __init__(self) -> None:
        self.at: dict[Any, tuple[int, str]] = {}
        self.served = 0

    def look(self, _: Mapping[str, Any]) -> dict[str, Any]:
        broken = [what for head in AuditChain.objects.all() if (what := self.walk(head))]
        return {"broken": broken, "served": self.served}

    def walk(self, head: AuditChain) -> str:
        """What is wrong between the last look and the head; "" where nothing is."""
        position, running = self.at.get(head.pk, (0, ""))
        entries = AuditEntry.objects.filter(chain_id=head.pk, position__gt=position, position__lte=head.position)
        for entry in entries.order_by("position"):
            if entry.position != position + 1 or (position and entry.previous_hash != running):
                return f"{head.pk} at {position + 1}: does not follow"
            if entry.hash != entry_hash(entry):
                return f"{head.pk} at {entry.position}: edited"
            position, running = entry.position, entry.hash
            self.served += entry.action == "token.served"
        if (position, running) != (head.position, head.head):
            return f"{head.pk} at {position}: does not match the head"
        self.at[head.pk] = (position, running)
        return ""


def opened(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Digests of the refresh tokens, by owner, and the ids of credentials whose secrets do not open."""
    found = {}
    for token in OAuthToken.objects.exclude(refresh_token=""):
        found[f"credential.{token.pk.hex}"] = digest(token.unseal("refresh_token"))
    for consumer in ConsumerToken.objects.exclude(refresh_token="").select_related("account"):
        owner = f"consumer.{consumer.account.number}-{consumer.subject}"
        found[owner] = digest(consumer.unseal("refresh_token"))
    return {"refresh_tokens": found}


def digest(secret: object) -> str:
    return hashlib.sha256(str(secret).encode()).hexdigest()


def main() -> None:
    verified = Verified()
    answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "furnish": furnish,
        "hand_over": hand_over,
        "chains": verified.look,
        "opened": opened,
    }
    for line in sys.stdin:
        asked = json.loads(line)
        close_old_connections()
        sys.stdout.write(json.dumps(answers[asked["ask"]](asked)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
