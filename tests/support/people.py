"""The cast of every test.

Alice is an administrator, Bob a credentials manager, Dana an API developer and Vic a viewer of one organization.
Charlie is the administrator of another organization of another account.
"""

import copy
import functools
from dataclasses import dataclass

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model

from organizations import services
from organizations.audit import Actor
from organizations.models import Account, AuditChain, AuditEntry, Membership, Organization, Role
from tests.support.canary import PASSWORD

__all__ = ["PASSWORD"]


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


STORED = (User, Account, Organization, Membership, AuditChain, AuditEntry)


@pytest.fixture
def cast(db: None) -> Cast:
    """Two organizations of two accounts, and their people."""
    if User.objects.exists() or Account.objects.exists():
        return introduced()  # beside others, who may have the same numbers
    cast, rows = copy.deepcopy(_once())
    for model, those in zip(STORED, rows, strict=True):
        model._default_manager.bulk_create(those)
    return cast


@functools.cache
def _once() -> tuple[Cast, list[list[Model]]]:
    """The cast as the product makes it, and its rows: nearly every test has it, and putting rows back takes less."""
    with transaction.atomic():
        cast = introduced()
        rows = [list(model._default_manager.all()) for model in STORED]
        transaction.set_rollback(True)
    return cast, rows


def introduced() -> Cast:
    """The cast in a database that is empty, or in which there are others."""
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
