"""Adding a credential: one row, its secrets sealed, its audit entry, and nothing of it where something is wrong."""

import json
import uuid

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services.add import NameTaken, add, name_is_taken
from credentials.types.registry import UnknownType
from organizations.access import Access
from organizations.models import AuditEntry, Role
from tests.support.journeys import access_of, new_credential
from tests.support.people import Cast
from tests.support.windows import actions_about

pytestmark = pytest.mark.django_db

ENTERED = {
    "grant_type": "client_credentials",
    "client_id": "client-1",
    "client_secret": "canary-secret",
    "scope": "read",
    "token_url": "https://as.example.com/token",
    "client_authentication": "basic",
}


def add_one(access: Access, name: str = "Orders", **how: object) -> Credential:
    values = {"credential_id": uuid.uuid4(), "kind": "oauth2", "entered": ENTERED, **how}
    return add(access, name=name, **values)  # type: ignore[arg-type]


def test_it_is_saved_with_its_secret_sealed(cast: Cast) -> None:
    credential = add_one(access_of(cast))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM credentials_credential")
        row = repr(cursor.fetchall())
    assert "canary-secret" not in row
    assert credential.secrets.startswith("v1:")
    assert Credential.objects.get().open_secrets() == {"client_secret": "canary-secret"}


def test_saved_but_not_yet_authorized_is_a_normal_state_with_its_reason(cast: Cast) -> None:
    credential = add_one(access_of(cast))
    assert credential.status == Status.NEEDS_AUTHORIZATION
    assert credential.status_code == "not_authorized"
    assert credential.status_reason == "it has not been authorized yet"


def test_who_added_it_is_in_the_audit_log_and_no_secret_is(cast: Cast) -> None:
    credential = add_one(access_of(cast))
    entry = AuditEntry.objects.get(object_id=str(credential.pk))
    assert (entry.action, entry.actor_id, entry.object_label) == ("credential.created", str(cast.bob.pk), "Orders")
    assert entry.details == {"type": "OAuth 2.0"}
    assert "canary" not in json.dumps(list(AuditEntry.objects.values("details", "object_label")))


def test_the_same_id_again_gives_the_first_row_back(cast: Cast) -> None:
    same = uuid.uuid4()
    first = add_one(access_of(cast), credential_id=same)
    second = add_one(access_of(cast), name="Another name", credential_id=same)
    assert second.pk == first.pk
    assert second.name == "Orders"
    assert Credential.objects.count() == 1
    assert actions_about(same) == ["credential.created"]


def test_the_id_of_another_organizations_credential_gives_nothing_away(cast: Cast) -> None:
    theirs = add_one(Access(cast.charlie, cast.other_organization, Role.ADMINISTRATOR))
    with pytest.raises(NameTaken):
        add_one(access_of(cast), credential_id=theirs.pk)
    assert Credential.objects.get().organization == cast.other_organization


@pytest.mark.parametrize("name", ["Orders", "ORDERS", "orders"])
def test_a_name_is_taken_whatever_its_case_and_nothing_is_written(cast: Cast, name: str) -> None:
    add_one(access_of(cast))
    before = AuditEntry.objects.count()
    assert name_is_taken(access_of(cast), name)
    with pytest.raises(NameTaken):
        add_one(access_of(cast), name=name)
    assert Credential.objects.count() == 1
    assert AuditEntry.objects.count() == before


def test_another_organization_may_use_the_name(cast: Cast) -> None:
    add_one(access_of(cast))
    add_one(Access(cast.charlie, cast.other_organization, Role.ADMINISTRATOR))
    assert Credential.objects.filter(name="Orders").count() == 2


@pytest.mark.parametrize("role", [Role.API_DEVELOPER, Role.VIEWER])
def test_whoever_does_not_manage_credentials_is_refused_and_that_is_recorded(cast: Cast, role: Role) -> None:
    access = Access(cast.by_role(role), cast.organization, role)
    with pytest.raises(PermissionDenied):
        add_one(access)
    assert not Credential.objects.exists()
    assert AuditEntry.objects.filter(action="access.denied").count() == 1


def test_an_unknown_type_is_refused(cast: Cast) -> None:
    with pytest.raises(UnknownType):
        add_one(access_of(cast), kind="saml")
    assert not Credential.objects.exists()


def test_its_account_is_the_organizations(cast: Cast) -> None:
    assert new_credential(cast, "https://as.example.com/token").account == cast.account
