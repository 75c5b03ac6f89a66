"""Two web processes on PostgreSQL and many bots: every use is in the chain, once, and the chain holds."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.inside import command, in_product
from tests.support.journeys import bot_token, set_the_stage
from tests.support.product import Product

BOTS, TURNS = 12, 5
FURNISH = """
from organizations.models import Organization
from tests.support.credentials import give_token, make_credential
credential = make_credential(Organization.objects.select_related("account").get(pk="%s"))
give_token(credential)
print(credential.pk)
"""
ASK = """
import json
from credentials.models import Credential
from organizations.models import AuditEntry, ServiceToken
row = Credential.objects.get(pk="%s")
used = AuditEntry.objects.filter(action="token.served", object_id=str(row.pk), actor_kind="service_token")
print(json.dumps([used.count(), row.last_used_at is not None, ServiceToken.objects.get().last_used_at is not None]))
"""


def test_every_use_is_told_once_in_a_chain_that_holds(product: Callable[..., Product]) -> None:
    running = product(web=2, workers=0, database="postgres")
    with in_product(running) as python:
        stage = set_the_stage(running, python)
        credential_id = python(FURNISH % stage.organization_id).strip()

        def ask(number: int) -> list[int]:
            return [bot_token(running.urls[number % 2], stage, credential_id).status_code for _ in range(TURNS)]

        with ThreadPoolExecutor(BOTS) as bots:
            assert list(bots.map(ask, range(BOTS))) == [[200] * TURNS] * BOTS
        assert json.loads(python(ASK % credential_id)) == [BOTS * TURNS, True, True]
        assert all(row["ok"] for row in json.loads(python(command("verify_audit", "--json"))))
