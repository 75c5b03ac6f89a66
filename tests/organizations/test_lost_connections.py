"""A connection that was lost in the pool is no error for anybody, and the first read of a bot pays nothing for that."""

import json
from collections.abc import Callable

import psycopg
import pytest

from tests.support.journeys import bot_token, set_the_stage
from tests.support.product import Product

pytestmark = pytest.mark.postgres

LOSE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# Run in the product; prints one line of JSON.
SCRIPT = """
import json, os, threading
import psycopg
from django.db import OperationalError, connection
from psycopg_pool import ConnectionPool
from organizations.models import Organization
from organizations.sql import prepared
from organizations.sql.postgresql.base import DatabaseWrapper

tried, check = [], ConnectionPool.check_connection
def counted(given):
    tried.append(given)
    check(given)
ConnectionPool.check_connection = staticmethod(counted)

def lose():
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute('''%(lose)s''')

def first(statement="SELECT count(*) FROM organizations_organization"):
    connection.close()
    tried.clear()
    return prepared.first_rows(statement, []), len(tried)

def later():
    connection.close()
    tried.clear()
    return Organization.objects.count(), len(tried) > 0

def fill():
    together = threading.Barrier(5)
    def hold():
        later(), together.wait(), connection.close()
    threads = [threading.Thread(target=hold) for _ in range(5)]
    [each.start() for each in threads], [each.join() for each in threads]

found = {"first": first(), "later": later()}
fill(), lose()
found["first, lost"] = first()[0]
fill(), lose()
found["later, lost"] = later()
connection.close()
with connection.cursor() as cursor:
    cursor.execute("CREATE SEQUENCE asked")
try:
    first("SELECT nextval('asked'), pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")
except OperationalError as error:
    found["refused"] = type(error.__cause__).__name__
with connection.cursor() as cursor:
    cursor.execute("SELECT last_value FROM asked")
    found["asked"] = cursor.fetchone()[0]
asked = connection.connection.info.get_parameters()
found["no word"] = {name: asked.get(name) for name in ("tcp_user_timeout", "keepalives_idle")}
said = {**connection.settings_dict, "OPTIONS": {**connection.settings_dict["OPTIONS"], "tcp_user_timeout": "4000"}}
found["no word, said"] = DatabaseWrapper(said).get_connection_params()["tcp_user_timeout"]
print(json.dumps(found))
"""

GIVE_TOKEN = """
from organizations.models import Organization
from tests.support.credentials import give_token, make_credential
print(give_token(make_credential(Organization.objects.select_related("account").get())).pk)
"""


def test_a_lost_connection_is_replaced_and_a_first_read_is_not_preceded_by_another(
    product: Callable[..., Product],
) -> None:
    made = product(web=0, workers=0, database="postgres")
    assert json.loads(made.manage("shell", "--verbosity", "0", "-c", SCRIPT % {"lose": LOSE})) == {
        "first": [[[0]], 0],
        "later": [0, True],
        "first, lost": [[0]],
        "later, lost": [0, True],
        # What was not lost is not asked twice.
        "refused": "QueryCanceled",
        "asked": 1,
        # A machine that is gone is noticed in seconds.
        "no word": {"tcp_user_timeout": "10000", "keepalives_idle": "10"},
        "no word, said": "4000",
    }


def test_bots_do_not_notice_that_the_database_has_closed_every_connection(product: Callable[..., Product]) -> None:
    running = product(web=1, workers=0, database="postgres")
    stage = set_the_stage(running)
    credential = running.manage("shell", "--verbosity", "0", "-c", GIVE_TOKEN).strip()
    for _ in range(3):
        assert bot_token(running.url, stage, credential).status_code == 200
        with psycopg.connect(running.env["DATABASE_URL"], autocommit=True) as other:
            other.execute(LOSE)
