"""The role of docs/operations.md, on a real PostgreSQL: it runs the product, and of the log it can only add to."""

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.support.processes import ROOT
from tests.support.product import Factory, Product

pytestmark = pytest.mark.postgres

ROLE = "botaccounts_app"
_ENTRIES = """
from django.db import transaction
from organizations import audit, group_commit
from organizations.models import SYSTEM_CHAIN
for number in range(3):
    with transaction.atomic():
        audit.record(None, audit.Actor.worker(), "token.served", object_id=str(number))
group_commit.append(SYSTEM_CHAIN, [audit.NewEntry(audit.Actor.worker(), "token.served", object_id="alone")])
"""
_FORBIDDEN = [
    "UPDATE organizations_auditentry SET actor_label = 'nobody'",
    "DELETE FROM organizations_auditentry",
    "TRUNCATE organizations_auditentry",
    "DELETE FROM organizations_auditchain",
    "UPDATE organizations_auditchain SET archived = 1000000",
    "UPDATE organizations_auditchain SET archived_hash = ''",
    "ALTER TABLE organizations_auditentry DISABLE TRIGGER audit_append_only",
    "DROP TRIGGER audit_append_only ON organizations_auditentry",
    "CREATE OR REPLACE FUNCTION organizations_audit_append_only() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
]


def documented() -> str:
    """The SQL of the page for operators."""
    text = (ROOT / "docs" / "operations.md").read_text()
    [sql] = [each for each in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if "CREATE ROLE" in each]
    return str(sql)


@pytest.fixture(scope="module")
def product(product_factory: Factory) -> Iterator[Product]:
    """A migrated PostgreSQL database in which the role was made as documented, twice, with entries."""
    product = product_factory(web=0, workers=0, database="postgres")
    with psycopg.connect(product.env["DATABASE_URL"], autocommit=True) as owner:
        owner.execute(documented())
        owner.execute(documented())
    product.manage("shell", "--verbosity", "0", "-c", _ENTRIES, DATABASE_URL=url_of_role(product))
    yield product
    product_factory.retire(product)


def url_of_role(product: Product) -> str:
    return product.env["DATABASE_URL"].replace("postgres://postgres@", f"postgres://{ROLE}@")


@pytest.fixture
def role(product: Product) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url_of_role(product)) as connection:
        yield connection
        connection.rollback()


def test_the_product_appends_as_this_role(product: Product) -> None:
    [system, *_] = json.loads(product.manage("verify_audit", "--json", DATABASE_URL=url_of_role(product)))
    assert (system["chain"], system["ok"]) == ("system", True)
    assert system["entries"] >= 4


def test_it_runs_the_rest_of_the_product_too(product: Product) -> None:
    made = json.loads(product.manage("demo", "--json", DATABASE_URL=url_of_role(product)))
    assert made["service_token"].startswith("bat_")


@pytest.mark.parametrize("statement", _FORBIDDEN)
def test_the_role_cannot_change_remove_or_unguard_the_log(role: psycopg.Connection, statement: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.InvalidFunctionDefinition)):
        role.execute(statement)


def test_even_the_owner_removes_only_what_is_archived(product: Product) -> None:
    with psycopg.connect(product.env["DATABASE_URL"]) as owner:
        for statement in _FORBIDDEN[:2]:
            with pytest.raises(errors.IntegrityConstraintViolation, match="append-only"), owner.transaction():
                owner.execute(statement)
        owner.execute("UPDATE organizations_auditchain SET archived = 2")
        assert owner.execute("DELETE FROM organizations_auditentry WHERE position <= 2").rowcount >= 2
        with pytest.raises(errors.IntegrityConstraintViolation), owner.transaction():
            owner.execute("DELETE FROM organizations_auditentry WHERE position = 3")
        owner.rollback()
