"""A bot's token on PostgreSQL: what the server is told for one, for many at once, and none without an entry."""

import json
import re
from collections.abc import Callable

import psycopg
import pytest

from tests.support.databases import Postgres
from tests.support.product import Product

pytestmark = pytest.mark.postgres

MANY = 24

# Run in the product; prints one line of JSON.
SCRIPT = """
import json, os, threading
from datetime import timedelta
import psycopg
from django.db import connection
from django.test import Client
from django.utils import timezone
from organizations import chain as chains, group_commit, services
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.credentials import ACCESS_TOKEN, give_token, make_credential
from tests.support.processes import wait_until
MANY = %(many)s
stage = Actor.command("demo")
account = services.create_account(stage, "1", "Golden Gate Travel")
home = services.create_organization(stage, account, "Support bots")
credential = make_credential(home)
give_token(credential)
_, token = services.create_service_token(stage, home, "a platform", timezone.now() + timedelta(days=1))
address, headers = f"/api/v1/credentials/{credential.pk}/token", {"Authorization": f"Bearer {token}"}

def ask():
    connection.close()  # as between two requests
    return Client(SERVER_NAME="127.0.0.1", headers=headers).post(address, b"", content_type="application/json")

def mark(words):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{words}'")

def served():
    return AuditEntry.objects.filter(action="token.served").count()

found = {"first": ask().status_code}  # remembers when they were used, which the next minute's do not
mark("one begins")
found["one"] = ask().json()["access_token"] == ACCESS_TOKEN
mark("one ends")

told, written, alone = [], [], chains.append_alone
def counted(chain_id, entries):
    written.append(len(entries))
    return alone(chain_id, entries)

def bot():
    told.append(ask().json()["access_token"] == ACCESS_TOKEN)
    connection.close()

def all_wait():
    return sum(written) + sum(map(len, group_commit._committer._queues.values())) == MANY

chains.append_alone = counted
before = served()
with psycopg.connect(os.environ["DATABASE_URL"]) as holder:
    holder.execute("SELECT FROM organizations_auditchain WHERE id = %%s FOR UPDATE", [home.pk])
    mark("many begin")
    threads = [threading.Thread(target=bot) for _ in range(MANY)]
    [each.start() for each in threads]
    wait_until(all_wait, seconds=30, what="everybody waiting for the log")
    found["nobody before"] = told == []
[each.join() for each in threads]
mark("many end")
found["many"], found["entries"] = told.count(True), served() - before

def fail(*arguments):
    raise RuntimeError("the log cannot be written")
chains.append_alone = fail
before = served()
answer = ask()
found["without"] = [answer.status_code, answer.json()["error"], ACCESS_TOKEN in answer.content.decode()]
found["nothing written"] = served() == before
print(json.dumps(found))
"""


def between(log: str, begin: str, end: str) -> list[str]:
    """The statements that the server was told between two marks."""
    part = log.partition(f"SELECT '{begin}'")[2].partition(f"SELECT '{end}'")[0]
    told = re.findall(r"LOG:  (?:statement|execute [^:]*):\s+(.*?)\n(?=\d{4}-\d\d-\d\d )", part, re.DOTALL)
    return [" ".join(each.split()) for each in told]


def is_read(statement: str) -> bool:
    return statement.startswith("SELECT") and "organizations_servicetoken" in statement


def is_entry(statement: str) -> bool:
    return "INSERT INTO organizations_auditentry" in statement


def test_a_token_is_one_read_and_one_entry_many_share_their_entries_and_without_one_there_is_none(
    product: Callable[..., Product], postgres: Postgres
) -> None:
    made = product(web=0, workers=0, database="postgres")
    name = made.env["DATABASE_URL"].rpartition("/")[2]
    with psycopg.connect(made.env["DATABASE_URL"], autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    told_before = len(postgres.server.text())
    found = json.loads(made.manage("shell", "--verbosity", "0", "-c", SCRIPT % {"many": MANY}))
    assert found == {
        "first": 200,
        "one": True,
        "nobody before": True,
        "many": MANY,
        "entries": MANY,
        "without": [500, "internal_error", False],
        "nothing written": True,
    }
    log = postgres.server.text()[told_before:]
    read, entry = between(log, "one begins", "one ends")
    assert is_read(read)
    assert is_entry(entry)
    many = between(log, "many begin", "many end")
    assert sum(map(is_read, many)) == MANY
    # The first one's, which was held up, and that of all who came meanwhile.
    assert sum(map(is_entry, many)) == 2
