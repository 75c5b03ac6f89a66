"""The list on PostgreSQL: it finds what it finds on SQLite, by an index, and also where no index could be made."""

import json
from collections.abc import Callable

import psycopg
import pytest

from tests.support.databases import Postgres
from tests.support.product import Product

# Run in the product; prints one line of JSON.
FILL_AND_ASK = """
import json
from collections.abc import Callable
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils import timezone
from organizations import services
from organizations.audit import Actor
from credentials.models import Credential
from credentials.services import listing
from credentials.services.listing import Query, page
from tests.support.credentials import give_token, make_credential
stage = Actor.command("demo")
account = services.create_account(stage, "1", "Golden Gate Travel")
organization = services.create_organization(stage, account, "Support bots")
now = timezone.now()
for number in range(60):
    made = make_credential(organization, f"Order {number:02} at Noon", last_used_at=None if number % 3 else now)
    if number == 7:
        give_token(made, failures=1)
Credential.objects.filter(name__contains="33").update(status="failed", kind="basic")
found = {}
for most in (10, 1000):
    listing.MOST = most
    for words, query in {
        "part": Query(text="R 4"), "nothing": Query(text="zzz"), "failed": Query(status="failed", kind="basic"),
        "expiring": Query(status="expiring"), "used": Query(sort="used"), "unused": Query(sort="unused"),
        "active": Query(status="active", kind="oauth2", text="noon", sort="-name"),
    }.items():
        rows, ask = [], query
        while True:
            got = page(organization, ask)
            rows += [row.name[6:8] for row in got.rows]
            if not got.after:
                break
            ask = Query(query.text, query.kind, query.status, query.sort, got.after)
        found[f"{words} {most}"] = rows
cursor = connection.cursor()
cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'credentials_credential'")
found["indexes"] = [name for (name,) in cursor.fetchall()]
cursor.execute("SET enable_seqscan = off")
# Everybody's: for so few rows the index of the organization would be the better one.
everybodys = Credential.objects.alias(lower_name=Lower("name"))
found["plan"] = everybodys.filter(lower_name__contains=Lower(Value("order 42"))).explain()
print(json.dumps(found))
"""


def ask(product: Product) -> dict[str, list[str]]:
    said = product.manage("shell", "--verbosity", "0", "-c", FILL_AND_ASK).strip().rpartition("\n")[2]
    return dict(json.loads(said))


def assert_complete(found: dict[str, list[str]]) -> None:
    """Whether ten are many or a thousand."""
    numbers = [f"{number:02}" for number in range(60)]
    used, never = numbers[::3], [number for number in numbers if int(number) % 3]
    for most in (10, 1000):
        assert found[f"part {most}"] == numbers[40:50]
        assert found[f"nothing {most}"] == []
        assert found[f"failed {most}"] == ["33"]
        assert found[f"expiring {most}"] == ["07"]
        assert set(found[f"used {most}"][:20]) == set(used)
        assert set(found[f"used {most}"][20:]) == set(never)
        assert found[f"unused {most}"] == found[f"used {most}"][::-1]
        assert found[f"active {most}"] == [number for number in reversed(numbers) if number not in ("07", "33")]


def test_the_list_finds_what_it_finds_on_sqlite_and_a_part_of_a_name_by_its_index(
    product: Callable[..., Product],
) -> None:
    found = ask(product(web=0, workers=0, database="postgres"))
    assert_complete(found)
    assert "credential_by_part_of_name" in found["indexes"]
    assert "credential_by_part_of_name" in found["plan"]


@pytest.fixture
def database_of_nobody_special(postgres: Postgres) -> str:
    """DATABASE_URL of a person who may make tables and no extension."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody_special")
        connection.execute("CREATE ROLE nobody_special LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO nobody_special")
    return url.replace("postgres@", "nobody_special@")


def test_a_part_of_a_name_is_found_where_no_extension_may_be_made(
    product: Callable[..., Product], database_of_nobody_special: str
) -> None:
    found = ask(product(web=0, workers=0, env={"DATABASE_URL": database_of_nobody_special}))
    assert_complete(found)
    assert "credential_by_part_of_name" not in found["indexes"]
