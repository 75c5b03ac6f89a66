"""The cast of every test.

Alice is an administrator, Bob a credentials manager, Dana an API developer and Vic a viewer of one organization.
Charlie is the administrator of another organization of another account.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User

from organizations import services
from organizations.audit import Actor
from organizations.models import Account, Organization, Role
from tests.support.canary import PASSWORD

__all__ = ["PASSWORD"]


@pytest.fixture(autouse=True, scope="session")
def passwords_at_a_thousandth() -> Iterator[None]:
    """A password is hashed in 0.4 s of processor time on purpose; in this process the tests pay less for the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", PBKDF2PasswordHasher.iterations // 1000)
        yield


@functools.cache
def _hashed() -> str:
    return make_password(PASSWORD)


def person(username: str) -> User:
    """Somebody who can sign in with `PASSWORD` and belongs to nothing yet."""
    return User.objects.create(username=username, password=_hashed())


@dataclass(frozen=True)
class Cast:
    """Who plays."""

    account: Account
    organization: Organization
    other_account: Account
    other_organization: Organization
    alice: User
    bob: User
    dana: User
    vic: User
    charlie: User
    password: str = PASSWORD

    def by_role(self, role: Role) -> User:
        """The member of `organization` with this role."""
        return {
            Role.ADMINISTRATOR: self.alice,
            Role.CREDENTIALS_MANAGER: self.bob,
            Role.API_DEVELOPER: self.dana,
            Role.VIEWER: self.vic,
        }[role]


@pytest.fixture
def cast(db: None) -> Cast:
    """Two organizations of two accounts, and their people."""
    stage = Actor.command("demo")
    alice, bob, dana, vic, charlie = (person(name) for name in ("alice", "bob", "dana", "vic", "charlie"))
    account = services.create_account(stage, "12345566", "Golden Gate Travel")
    organization = services.create_organization(stage, account, "Support bots", administrator=alice)
    services.add_member(stage, organization, "bob", Role.CREDENTIALS_MANAGER)
    services.add_member(stage, organization, "dana", Role.API_DEVELOPER)
    services.add_member(stage, organization, "vic", Role.VIEWER)
    other_account = services.create_account(stage, "77001122", "Other Brand")
    other_organization = services.create_organization(stage, other_account, "Elsewhere", administrator=charlie)
    return Cast(account, organization, other_account, other_organization, alice, bob, dana, vic, charlie)
