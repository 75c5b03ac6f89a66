"""How fast tokens are renewed by one worker, held against bare posts, and what a sweep costs among a million tokens."""

import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.line import Line
from tests.support.databases import Postgres, running_postgres, running_redis
from tests.support.inside import Inside, wake
from tests.support.processes import ROOT, wait_until
from tests.support.product import Factory, Product

THREADS = 20
TAKES = 50  # milliseconds: the token endpoint
TOKENS = 600  # in a round
ORGANIZATIONS = 8
ROUNDS = 4
SWEEPS = 9
DUE = 100

_FURNISH = """
from datetime import timedelta
from django.utils import timezone
from credentials.models import Credential, OAuthToken
from credentials.services import endpoints
from organizations import services
from organizations.audit import Actor
stage = Actor.command("bench")
url, count, organizations = "%(url)s", %(count)d, %(organizations)d
endpoint, now = endpoints.found(url), timezone.now()
account = services.create_account(stage, "12345566", "Golden Gate Travel")
homes = [services.create_organization(stage, account, f"Bots {number}") for number in range(organizations)]
payload = {"grant_type": "authorization_code", "client_id": "client", "token_url": url, "auth_url": url,
           "scope": "read", "client_authentication": "basic", "use_pkce": True}
credentials, tokens = [], []
for number in range(count):
    home = homes[number %% organizations]
    credential = Credential(organization=home, account=account, name=f"Orders {number}", kind="oauth2", payload=payload)
    credential.seal("secrets", {"client_secret": "a client secret"})
    token = OAuthToken(credential=credential, organization=home, token_type="Bearer", generation=1, endpoint=endpoint,
                       obtained_at=now, expires_at=now + timedelta(hours=1), refresh_at=now + timedelta(hours=1))
    token.seal("access_token", "at-0")
    token.seal("refresh_token", "rt-0")
    credentials.append(credential)
    tokens.append(token)
Credential.objects.bulk_create(credentials, batch_size=200)
OAuthToken.objects.bulk_create(tokens, batch_size=200)
"""

_BARE = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import requests
url, count, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
form = {"grant_type": "refresh_token", "refresh_token": "rt-0"}
def post(_):
    requests.post(url, data=form, auth=("client", "a client secret"), timeout=15).raise_for_status()
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(post, range(threads)))
    began = time.perf_counter()
    list(pool.map(post, range(count)))
    print(count / (time.perf_counter() - began))
"""


@contextmanager
def token_endpoint(milliseconds: int) -> Iterator[str]:
    """The address of a running token endpoint, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.token_endpoint", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/token"
        finally:
            process.terminate()


def refresh_lines(folder: Path) -> list[Line]:
    """On PostgreSQL that syncs its disk, with Redis; and on SQLite with the broker's folder."""
    with ExitStack() as stack:
        url = stack.enter_context(token_endpoint(TAKES))
        postgres = stack.enter_context(running_postgres(fsync="on"))
        redis_url = stack.enter_context(running_redis(made(folder / "redis"))).url
        found = refreshing(folder / "postgres", url, "PostgreSQL", "postgres", redis_url, postgres)
        return found + refreshing(folder / "sqlite", url, "SQLite", "sqlite", "", None)


def refreshing(
    folder: Path, url: str, name: str, database: str, redis_url: str, postgres: Postgres | None
) -> list[Line]:
    """Rounds of renewals by one worker and of bare posts by as many threads, and what the worker took of memory."""
    folder.mkdir()
    factory = Factory(folder, lambda: _there(postgres))
    allowed = {"OUTBOUND_ALLOW": url.split("/")[2], "WORKER_THREADS": str(THREADS)}
    product = factory(web=0, workers=0, database=database, redis_url=redis_url, env=allowed)
    try:
        product.manage(
            "shell",
            "--verbosity",
            "0",
            "-c",
            _FURNISH % {"url": url, "count": TOKENS, "organizations": ORGANIZATIONS},
        )
        inside = Inside(product)
        command = [sys.executable, "-m", "celery", "-A", "botaccounts", "worker", "--without-gossip"]
        command += ["--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        worker = product.add("worker.1", command, is_ready=lambda server: obeys(product, inside))
        ours, bare = [], []
        renewed(product, inside)
        for _ in range(ROUNDS):
            ours.append(renewed(product, inside))
            bare.append(bare_posts(url))
        peak = peak_of(worker.pid)
    finally:
        product.stop()
    rate, against = statistics.median(ours), statistics.median(bare)
    ratio = round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 2)
    kept = name != "PostgreSQL" or (rate >= 150 and ratio >= 0.6)
    promise = ">= 150/s, >= 0.6" if name == "PostgreSQL" else "none, for comparison"
    return [
        Line(
            f"full refreshes, {name}",
            "bare posts, as many threads",
            round(rate),
            round(against),
            "1/s",
            ratio,
            promise,
            kept,
        ),
        Line(
            f"worker's memory, {name}", "what it may take", peak, 300, "MB", round(peak / 300, 2), "<= 300", peak <= 300
        ),
    ]


# Rows that a million credentials would have: cheap to write, and read by the sweep like any others.
_MANY = {
    "postgres": """
        INSERT INTO credentials_credential (id, organization_id, account_id, name, kind, payload, secrets, status,
            status_code, status_reason, status_changed_at, version, created_at, updated_at)
        SELECT gen_random_uuid(), %(organization)s, %(account)s, 'Orders ' || n, 'oauth2', '{}', '',
            'active', '', '', now(), 1, now(), now() FROM generate_series(1, %(count)s) AS n;
        INSERT INTO credentials_oauthtoken (credential_id, organization_id, access_token, refresh_token, token_type,
            scope, refresh_at, expires_at, generation, lease_owner, failures, last_error, endpoint_id)
        SELECT id, organization_id, '', '', 'Bearer', '', now() + random() * interval '1 hour' + interval '1 hour',
            now() + interval '3 hours', 1, '', 0, '', %(endpoint)s FROM credentials_credential;
        UPDATE credentials_oauthtoken SET refresh_at = now() - interval '1 second'
        WHERE credential_id IN (SELECT credential_id FROM credentials_oauthtoken LIMIT %(due)s);
        ANALYZE""",
    "sqlite": """
        INSERT INTO credentials_credential (id, organization_id, account_id, name, kind, payload, secrets, status,
            status_code, status_reason, status_changed_at, version, created_at, updated_at)
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT %(count)s)
        SELECT lower(hex(randomblob(16))), '%(organization)s', %(account)s, 'Orders ' || n, 'oauth2', '{}', '',
            'active', '', '', datetime('now'), 1, datetime('now'), datetime('now') FROM n;
        INSERT INTO credentials_oauthtoken (credential_id, organization_id, access_token, refresh_token, token_type,
            scope, refresh_at, expires_at, generation, lease_owner, failures, last_error, endpoint_id)
        SELECT id, organization_id, '', '', 'Bearer', '',
            datetime('now', '+1 hour', (abs(random()) %% 3600) || ' seconds'),
            datetime('now', '+3 hours'), 1, '', 0, '', %(endpoint)s FROM credentials_credential;
        UPDATE credentials_oauthtoken SET refresh_at = datetime('now', '-1 second')
        WHERE credential_id IN (SELECT credential_id FROM credentials_oauthtoken LIMIT %(due)s);
        ANALYZE""",
}
_HOME = """
from credentials.services import endpoints
from organizations import services
from organizations.audit import Actor
stage = Actor.command("bench")
account = services.create_account(stage, "12345566", "Golden Gate Travel")
home = services.create_organization(stage, account, "Bots")
print(home.pk, account.pk, endpoints.found("https://id.example/token").pk)
"""
_SWEEPER = """
import sys, time
import django
django.setup()
from credentials.services import sweep
for line in sys.stdin:
    began = time.perf_counter()
    found = sweep.find()
    sweep.tidy()
    print(time.perf_counter() - began, len(found.renewals), flush=True)
"""


def sweep_lines(folder: Path) -> list[Line]:
    """The sweep's queries and its tidying among 1,000,000 tokens and among 1,000, of which 100 are due in both."""
    with running_postgres(fsync="on") as postgres:
        return [
            sweeping(made(folder / "postgres"), "PostgreSQL", "postgres", postgres),
            sweeping(made(folder / "sqlite"), "SQLite", "sqlite", None),
        ]


def sweeping(folder: Path, name: str, database: str, postgres: Postgres | None) -> Line:
    factory = Factory(folder, lambda: _there(postgres))
    with ExitStack() as stack:
        large, small = (
            stack.enter_context(sweeper(factory(web=0, workers=0, database=database), database, count))
            for count in (1_000_000, 1_000)
        )
        for each in (large, small):
            swept(each)
        pairs = [(swept(large), swept(small)) for _ in range(SWEEPS)]
    ours, theirs = (round(1000 * statistics.median(side), 2) for side in zip(*pairs, strict=True))
    ratio = round(statistics.median(a / b for a, b in pairs), 2)
    return Line(f"sweep, 1,000,000 tokens, {name}", "1,000 tokens", ours, theirs, "ms", ratio, "<= 1.5", ratio <= 1.5)


@contextmanager
def sweeper(product: Product, database: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that sweeps whenever it is told to, among `count` tokens of which `DUE` are due."""
    organization, account, endpoint = product.manage("shell", "--verbosity", "0", "-c", _HOME).split()
    # As the column holds it.
    organization = f"'{organization}'" if database == "postgres" else uuid.UUID(organization).hex
    values = {"organization": organization, "account": account, "endpoint": endpoint, "count": count, "due": DUE}
    Inside(product).run_script(_MANY[database] % values)
    command = [sys.executable, "-c", _SWEEPER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=product.env
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def swept(process: subprocess.Popen[str]) -> float:
    """Seconds that one sweep took."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("sweep\n")
    process.stdin.flush()
    seconds, found = process.stdout.readline().split()
    assert int(found) == DUE
    return float(seconds)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _there(postgres: Postgres | None) -> Postgres:
    if postgres is None:
        raise RuntimeError("This run is on SQLite.")
    return postgres


def obeys(product: Product, inside: Inside) -> bool:
    """Whether the worker does what it is told: it renews one token. Asked again and again until it does."""
    ((credential_id, generation),) = inside.rows(
        "SELECT credential_id, generation FROM credentials_oauthtoken ORDER BY credential_id LIMIT 1"
    )
    inside.change("UPDATE credentials_oauthtoken SET refresh_at = obtained_at WHERE credential_id = ?", credential_id)
    wake(product, "refresh_token", str(credential_id))
    time.sleep(0.5)
    statement = "SELECT generation FROM credentials_oauthtoken WHERE credential_id = ?"
    return bool(inside.rows(statement, credential_id)[0][0] > generation)


def renewed(product: Product, inside: Inside) -> float:
    """Make every token due, wake the worker by a sweep, and count renewals per second until the last."""
    before = int(inside.rows("SELECT sum(generation) FROM credentials_oauthtoken")[0][0])
    inside.change("UPDATE credentials_oauthtoken SET refresh_at = obtained_at")
    began = time.perf_counter()
    wake(product, "sweep")
    statement = "SELECT sum(generation) FROM credentials_oauthtoken"
    wait_until(lambda: int(inside.rows(statement)[0][0]) >= before + TOKENS, seconds=120, what="every renewal")
    return TOKENS / (time.perf_counter() - began)


def bare_posts(url: str) -> float:
    command = [sys.executable, "-c", _BARE, url, str(TOKENS), str(THREADS)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


def peak_of(pid: int) -> int:
    """Megabytes that a process had in memory at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024)
    return 0
