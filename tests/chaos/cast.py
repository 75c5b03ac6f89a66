"""Who and what there is in a house: three organizations of two accounts, and their credentials and consumers.

The consumers of both accounts have the same names, and so have the conversations of all organizations: what tells them
apart is what must never be mixed up.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.grants import Grants, Owner
from tests.chaos.resource import Resource
from tests.support.canary import PASSWORD

__all__ = ["PASSWORD"]

ORGANIZATIONS = {"12345566": ("Support bots", "Sales bots"), "77001122": ("Elsewhere",)}
AUTHORIZED, BY_THEMSELVES = 3, 1  # credentials of an organization: with a refresh token, by client credentials
SUBJECTS = ("ann", "ben")
CONVERSATIONS = ("talk-1", "talk-2")


@dataclass
class Home:
    """One organization. `credentials` have an integration each; `consumers` names the account's credential for them.

    `spare` is a credential that is authorized anew while a fault is on, and that nobody else asks for.
    """

    name: str
    account: str
    consumers: uuid.UUID
    credentials: list[uuid.UUID] = field(default_factory=list)
    challenges: uuid.UUID = field(default_factory=uuid.uuid4)
    spare: uuid.UUID = field(default_factory=uuid.uuid4)
    id: str = ""
    service_token: str = ""
    integrations: dict[uuid.UUID, str] = field(default_factory=dict)

    def consumer(self, subject: str) -> Owner:
        return Owner("consumer", f"{self.account}-{subject}")

    def conversation(self, name: str) -> Owner:
        return Owner("conversation", f"{self.challenges.hex}-{name}")


def credential_owner(credential: uuid.UUID) -> Owner:
    return Owner("credential", credential.hex)


@dataclass
class Cast:
    """All of a house. `plan` is what its inspector makes rows of."""

    homes: list[Home]
    plan: dict[str, Any]

    def credentials(self) -> Iterator[tuple[Home, uuid.UUID]]:
        for home in self.homes:
            for credential in home.credentials:
                yield home, credential

    def learn(self, made: dict[str, Any]) -> None:
        """What the product has named itself."""
        for home in self.homes:
            known = made["organizations"][home.name]
            home.id, home.service_token = known["id"], known["service_token"]
            home.integrations = {each: made["integrations"][str(each)] for each in home.credentials}


def invite(resource: Resource, client_secret: str) -> Cast:
    """A new cast, whose grants the resource knows."""
    homes: list[Home] = []
    accounts = []
    for number, names in ORGANIZATIONS.items():
        consumers = uuid.uuid4()
        organizations = []
        for name in names:
            home = Home(name, number, consumers)
            organizations.append(furnishing(resource.grants, home))
            homes.append(home)
        accounts.append(
            {
                "number": number,
                "client_id": f"brand-{number}",
                "organizations": organizations,
                "consumers_credential": str(consumers),
                "consumers": [
                    {"subject": subject, **tokens(resource.grants, homes[-1].consumer(subject), f"brand-{number}")}
                    for subject in SUBJECTS
                ],
            }
        )
    plan = {"ask": "furnish", "accounts": accounts, "url": resource.url(""), "password": PASSWORD}
    return Cast(homes, {**plan, "client_secret": client_secret})


def furnishing(grants: Grants, home: Home) -> dict[str, Any]:
    home.credentials += [uuid.uuid4() for _ in range(AUTHORIZED + BY_THEMSELVES)]
    rows = [
        row(grants, credential, f"Orders {number}", refreshes=number < AUTHORIZED)
        for number, credential in enumerate(home.credentials)
    ]
    talks = [
        {"name": name, "access_token": grants.begin(home.conversation(name), "brand", refreshes=False).access_tokens[0]}
        for name in CONVERSATIONS
    ]
    return {
        "name": home.name,
        "credentials": [*rows, row(grants, home.spare, "Spare", refreshes=True)],
        "challenges": str(home.challenges),
        "conversations": talks,
    }


def row(grants: Grants, credential: uuid.UUID, name: str, *, refreshes: bool) -> dict[str, Any]:
    owner, client_id = credential_owner(credential), f"client-{credential.hex}"
    return {
        "id": str(credential),
        "name": name,
        "owner": str(owner),
        "client_id": client_id,
        "grant_type": "authorization_code" if refreshes else "client_credentials",
        **tokens(grants, owner, client_id, refreshes=refreshes),
    }


def tokens(grants: Grants, owner: Owner, client_id: str, *, refreshes: bool = True) -> dict[str, str]:
    grant = grants.begin(owner, client_id, refreshes=refreshes)
    return {"access_token": grant.access_tokens[-1], "refresh_token": grant.refresh_token}
