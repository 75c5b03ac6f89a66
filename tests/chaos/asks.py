"""What bots ask for, and what each answer may and may not hold."""

import base64
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos.cast import CONVERSATIONS, SUBJECTS, Cast, Home, credential_owner
from tests.chaos.grants import NOBODY, Grants, Owner
from tests.chaos.ledger import Ledger

PATIENCE = 45.0  # seconds: longer than anything of ours takes


@dataclass(frozen=True)
class Ask(ABC):
    """One request of a bot. `expected` are the statuses that it may have when nothing is wrong."""

    home: Home
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    expected: tuple[int, ...] = (200,)

    @property
    @abstractmethod
    def what(self) -> str:
        """In a word, for the ledger."""

    @abstractmethod
    def look(self, said: dict[str, Any], grants: Grants, ledger: Ledger) -> None:
        """Whether an answer of 200 holds what was asked for and nothing of anybody else."""

    def ask(self, url: str, grants: Grants, ledger: Ledger) -> int:
        """The status of the answer; 0 where there was none."""
        headers = {"Authorization": f"Bearer {self.home.service_token}"}
        try:
            answer = requests.post(
                f"{url}/api/v1/{self.path}", json=self.body, headers=headers, timeout=PATIENCE, allow_redirects=False
            )
        except requests.RequestException as failure:
            ledger.note(self.what, 0, f"{type(failure).__name__} at {self.path}")
            return 0
        ledger.note(self.what, answer.status_code, f"{self.path} {answer.text}")
        if answer.status_code == 200:
            self.look(answer.json(), grants, ledger)
        elif ledger.strict and answer.status_code < 500 and answer.status_code not in self.expected:
            ledger.problem("lost", f"{self.what} {self.path}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code


@dataclass(frozen=True)
class TokenOf(Ask):
    """A token: of a credential, of a consumer, or of a conversation. `owner` is whose it has to be."""

    owner: Owner = NOBODY

    @property
    def what(self) -> str:
        return f"token of a {self.owner.kind}"

    def look(self, said: dict[str, Any], grants: Grants, ledger: Ledger) -> None:
        ledger.note_served()
        whose = grants.owner_of(said["access_token"])
        if whose != self.owner:
            ledger.problem("leaked", f"a token of {whose} for {self.owner}")
        elif ledger.strict and self.owner.kind != "conversation" and not grants.works(said["access_token"]):
            ledger.problem("lost", f"the token served for {self.owner} does not work")


@dataclass(frozen=True)
class Forbidden(Ask):
    """What is of another organization, of an unknown consumer, or of a conversation in which nobody has signed in."""

    expected: tuple[int, ...] = (404, 409)

    @property
    def what(self) -> str:
        return "what is not one's own"

    def look(self, said: dict[str, Any], grants: Grants, ledger: Ledger) -> None:
        ledger.note_served()
        ledger.problem("leaked", f"{self.path} {self.body} was answered by {sorted(said)} to {self.home.name}")


@dataclass(frozen=True)
class CallOf(Ask):
    """An integration call. The resource looks at whose token it carries; here only at whether it worked."""

    owner: Owner = NOBODY

    @property
    def what(self) -> str:
        return "integration call"

    def look(self, said: dict[str, Any], grants: Grants, ledger: Ledger) -> None:
        if ledger.strict and not said["success"]:
            ledger.problem("lost", f"the call as {self.owner} ended with {said['status']} {said['error']}")


@dataclass(frozen=True)
class PairOf(Ask):
    """What a person has saved: the user name and password of a credential."""

    secret: str = ""

    @property
    def what(self) -> str:
        return "saved pair"

    def look(self, said: dict[str, Any], grants: Grants, ledger: Ledger) -> None:
        ledger.note_served()
        if base64.b64decode(said["access_token"]).decode().partition(":")[2] != self.secret:
            ledger.problem("lost", f"{self.path} holds another password than was saved")


def of_credentials(cast: Cast) -> Iterator[Ask]:
    for home, credential in cast.credentials():
        yield TokenOf(home, f"credentials/{credential}/token", owner=credential_owner(credential))


def calls(cast: Cast) -> Iterator[Ask]:
    for home, credential in cast.credentials():
        path = f"integrations/{home.integrations[credential]}/call"
        yield CallOf(home, path, owner=credential_owner(credential))


def of_consumers(cast: Cast) -> Iterator[Ask]:
    for home in cast.homes:
        if home.consumers not in reachable(home, cast):
            continue
        for subject in SUBJECTS:
            owner = home.consumer(subject)
            yield TokenOf(home, f"credentials/{home.consumers}/token", {"consumer": subject}, owner=owner)


def reachable(home: Home, cast: Cast) -> set[uuid.UUID]:
    """The consumers' credential belongs to the account's first organization."""
    first = next(each for each in cast.homes if each.account == home.account)
    return {home.consumers} if home is first else set()


def of_conversations(cast: Cast) -> Iterator[Ask]:
    for home in cast.homes:
        for name in CONVERSATIONS:
            owner = home.conversation(name)
            yield TokenOf(home, f"credentials/{home.challenges}/token", {"conversation": name}, owner=owner)


def forbidden(cast: Cast) -> Iterator[Ask]:
    for home in cast.homes:
        stranger = next(each for each in cast.homes if each is not home)
        yield Forbidden(stranger, f"credentials/{home.credentials[0]}/token")
        yield Forbidden(stranger, f"integrations/{home.integrations[home.credentials[0]]}/call")
        yield Forbidden(stranger, f"credentials/{home.challenges}/token", {"conversation": CONVERSATIONS[0]})
        yield Forbidden(home, f"credentials/{home.challenges}/token", {"conversation": "talk-3"})
        if home.consumers in reachable(home, cast):
            yield Forbidden(home, f"credentials/{home.consumers}/token", {"consumer": "nobody"})


def everything(cast: Cast) -> list[Ask]:
    makers = (of_credentials, calls, of_consumers, of_conversations, forbidden)
    return [ask for maker in makers for ask in maker(cast)]
