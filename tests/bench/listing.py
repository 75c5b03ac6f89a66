"""The list of credentials of an organization of 100,000, held against the same page of an organization of 100.

Both are in one database and asked of one web process, a request of each in turn. Every page shows as many rows in both.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from django.db.models.functions import Lower
from django.utils import timezone

from credentials.models import ApiIntegration, Credential, OAuthToken
from credentials.models.credential import Status
from credentials.services.listing import PAGE, key
from organizations.models import Bot, Organization
from tests.bench.installed import POSTGRESQL, missing
from tests.bench.line import Line, Lines, NotMeasured, compared
from tests.support.credentials import give_token, make_credential
from tests.support.databases import no_postgres, running_postgres
from tests.support.journeys import Stage, Visitor, set_the_stage
from tests.support.processes import executed
from tests.support.product import Factory, Product

LARGE, SMALL = 100_000, 100
BATCH = 20_000
FEW = 30  # that failed, in an organization of whatever size
AT_MOST = 1.3
REQUESTS = 60  # of each, one after another
WORDS = ("orders", "stock", "orders", "hotel", "travel", "support", "billing", "payments", "loyalty", "parcels")


def grow(organization_id: str, start: int, end: int) -> None:
    """Add the credentials number `start` to `end`: a token each, every fifth attached, every second of another type."""
    organization = Organization.objects.select_related("account").get(pk=organization_id)
    if start == 0:
        sample = make_credential(organization, "Sample")
        give_token(sample)
    sample = Credential.objects.select_related("token").get(organization=organization, name="Sample")
    now = timezone.now()
    rows = [
        Credential(
            organization=organization,
            account=organization.account,
            name=f"{WORDS[number % 10]} {WORDS[number // 10 % 10]} {number:06}",
            kind="oauth2" if number % 2 else "basic_authentication",
            payload=sample.payload,
            secrets=sample.secrets,
            status=Status.FAILED if number < FEW else Status.ACTIVE,
            last_used_at=now - timedelta(minutes=number * 7 % 100_003) if number % 3 else None,
        )
        for number in range(start, end)
    ]
    if start == 0:
        rows[0].name = "The needle of the haystack"
    Credential.objects.bulk_create(rows, batch_size=1000)
    tokens = [
        OAuthToken(
            credential=row,
            organization=organization,
            access_token=sample.token.access_token,
            refresh_token=sample.token.refresh_token,
            expires_at=now + timedelta(hours=1),
            refresh_at=now + timedelta(minutes=50),
        )
        for row in rows
    ]
    OAuthToken.objects.bulk_create(tokens, batch_size=1000)
    bot, _ = Bot.objects.get_or_create(organization=organization, name="Concierge")
    address = "https://api.example.com/"
    calls = [
        ApiIntegration(organization=organization, bot=bot, name=row.name, url=address, credential=row)
        for row in rows[::5]
    ]
    ApiIntegration.objects.bulk_create(calls, batch_size=1000)


def pages(organization_id: str) -> dict[str, str]:
    """What is asked: words for it -> the query of its address."""
    ordered = Credential.objects.filter(organization_id=organization_id).annotate(lower_name=Lower("name"))
    by_name, by_use = ordered.order_by("lower_name"), ordered.order_by("-last_used_at", "-id")
    half = by_name.count() // 2
    used = by_use.filter(last_used_at__isnull=False)
    asked = {
        "first page": {},
        "deep page": {"after": key(by_name[half], "lower_name")},
        "deep page by last use": {"sort": "used", "after": key(used[half // 2], "last_used_at")},
        "filter half pass": {"type": "oauth2", "sort": "newest"},
        "filter few pass": {"status": "failed", "sort": "used"},
        "two filters half pass": {"status": "active", "type": "oauth2", "sort": "used"},
        "two filters none passes": {"status": "needs_authorization", "type": "oauth2"},
        "filter Active": {"status": "active"},
        "filter Expiring": {"status": "expiring"},
        "search many match": {"q": "orders", "sort": "oldest"},
        "search one matches": {"q": "dle of the hay"},
        "search nothing matches": {"q": "zzzzz"},
    }
    return {words: urlencode(query) for words, query in asked.items()}


def lines(folder: Path) -> Lines:
    """On PostgreSQL where it is installed, and on SQLite."""
    if why := missing(POSTGRESQL):
        yield NotMeasured("the list on PostgreSQL", why)
    else:
        with running_postgres() as postgres:
            factory = Factory(folder / "postgres", lambda: postgres, start_web=executed)
            yield from on(factory(workers=0, database="postgres"), "PostgreSQL")
    yield from on(Factory(folder / "sqlite", no_postgres, start_web=executed)(workers=0), "SQLite")


def on(product: Product, database: str) -> Iterator[Line]:
    try:
        yield from pages_compared(product, database)
    finally:
        product.stop()


def pages_compared(product: Product, database: str) -> Iterator[Line]:
    stage = set_the_stage(product)
    small = shell(product, _ANOTHER % stage.organization_id)
    asked: list[tuple[str, Mapping[str, str]]] = []
    for organization_id, count in ((stage.organization_id, LARGE), (small, SMALL)):
        for start in range(0, count, BATCH):
            call = f"grow({organization_id!r}, {start}, {min(start + BATCH, count)})"
            shell(product, f"from tests.bench.listing import grow; {call}; print()")
        code = f"import json; from tests.bench.listing import pages; print(json.dumps(pages({organization_id!r})))"
        asked.append((organization_id, json.loads(shell(product, code))))
    if database == "PostgreSQL":
        # What autovacuum does by itself within a minute.
        shell(product, 'from django.db import connection; connection.cursor().execute("VACUUM ANALYZE"); print()')
    alice = Visitor(product.url, Stage(stage.organization_id, stage.bot_id, stage.service_token)).sign_in()
    (large_id, large), (small_id, of_small) = asked
    for words, query in large.items():
        addresses = [
            f"/organizations/{organization_id}/credentials/?{asks}"
            for organization_id, asks in ((large_id, query), (small_id, of_small[words]))
        ]
        yield compare(alice, f"{words}, {database}", *addresses)


_ANOTHER = """
from organizations import services
from organizations.audit import Actor
from organizations.models import Membership, Organization
stage = Actor.command("demo")
first = Organization.objects.get(pk=%r)
alice = Membership.objects.get(organization=first, user__username="alice").user
print(services.create_organization(stage, first.account, "A small one", administrator=alice).pk)
"""


def shell(product: Product, code: str) -> str:
    """The last line that the code printed."""
    return product.manage("shell", "--verbosity", "0", "-c", code).strip().rpartition("\n")[2]


def compare(visitor: Visitor, what: str, large: str, small: str) -> Line:
    shown = [rows_of(visitor, address) for address in (large, small)]
    if shown[0] != shown[1]:
        raise RuntimeError(f"{what}: {shown[0]} rows are not compared with {shown[1]}.")
    taken = [(milliseconds(visitor, large), milliseconds(visitor, small)) for _ in range(REQUESTS + 5)][5:]
    return compared(what, f"{SMALL} instead of {LARGE:,} credentials", "ms", taken, at_most=AT_MOST)


def milliseconds(visitor: Visitor, address: str) -> float:
    started = time.perf_counter()
    visitor.get(address)
    return (time.perf_counter() - started) * 1000


def rows_of(visitor: Visitor, address: str) -> int:
    """How many rows a page shows. Raises `RuntimeError` where it is none of the list."""
    answer = visitor.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")
    found = len(re.findall(r'<tr role="row">', answer.text))
    if found > PAGE + 1:
        raise RuntimeError(f"{address}: {found} rows")
    return found
