"""On PostgreSQL the entries of a group are there, or everybody is told that they are not."""

import json
from collections.abc import Callable

import pytest

from tests.support.product import Product

# Run in the product; prints one line of JSON.
APPEND = """
import json, threading, uuid
from django.db import DatabaseError, connection
from organizations import audit, chain as chains, group_commit, services
from organizations.audit import Actor, NewEntry
from organizations.models import AuditEntry
stage = Actor.command("demo")
account = services.create_account(stage, "1", "Golden Gate Travel")
home = services.create_organization(stage, account, "Support bots").pk
new = uuid.uuid4()
LABEL = 'quotes " and %s and back\\\\slash and 🤖'
told, alone = [], []
append_alone = chains.append_alone

def counted(*arguments):
    done = append_alone(*arguments)
    alone.append(done)
    return done

chains.append_alone = counted
def append(chain, number, along=()):
    try:
        group_commit.append(chain, [NewEntry(stage, "token.served", object_id=str(number), object_label=LABEL)], along)
    except DatabaseError as error:
        told.append(type(error).__name__)
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()

def of(chain):
    return list(AuditEntry.objects.filter(chain_id=chain, action="token.served").values_list("object_id", flat=True))

def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)

append(new, 1)
append(home, 2)
went_along = []
append(home, 3, [(went_along.extend, home)])
execute("ALTER TABLE organizations_auditentry ADD CONSTRAINT full_disk CHECK (object_id <> '4')")
append(home, 4)
alive = connection.get_autocommit() and not connection.in_atomic_block
execute("ALTER TABLE organizations_auditentry DROP CONSTRAINT full_disk")
append(home, 5)
threads = [threading.Thread(target=append, args=(home, number)) for number in range(6, 30)]
[each.start() for each in threads], [each.join() for each in threads]
so_far = len(alone)
many = [NewEntry(stage, "token.served", object_id=str(number), object_label=LABEL) for number in range(30, 90)]
group_commit.append(home, many)
few_alone = len(alone) == so_far
try:
    execute("SELECT pg_terminate_backend(pg_backend_pid())")
except DatabaseError:
    pass
for number in (90, 91):
    append(home, number)
found = {
    "new": of(new), "home": sorted(of(home), key=int), "told": told, "alive": alive, "along": went_along == [home],
    "holds": [audit.verify(chain).ok for chain in (new, home)], "alone": [alone[:2], all(alone[1:])], "few": few_alone,
    "labels": set(AuditEntry.objects.filter(action="token.served").values_list("object_label", flat=True)) == {LABEL},
}
print(json.dumps(found))
"""


@pytest.mark.postgres
def test_every_entry_is_there_once_and_a_refusal_is_told(product: Callable[..., Product]) -> None:
    found = json.loads(product(web=0, workers=0, database="postgres").manage("shell", "--verbosity", "0", "-c", APPEND))
    assert found == {
        "new": ["1"],
        "home": [str(number) for number in range(2, 92) if number not in (4, 90)],
        # The connection that was lost is told of once.
        "told": ["IntegrityError", "OperationalError"],
        "alive": True,
        "along": True,
        "holds": [True, True],
        # A chain without a head is begun in a transaction; everything else that nothing goes along with needs none.
        "alone": [[False, True], True],
        "few": True,
        "labels": True,
    }
