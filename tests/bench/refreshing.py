"""How fast tokens are renewed by one worker, held against bare posts from the threads of the same worker."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.bench import memory, worker_posts
from tests.bench.installed import POSTGRESQL, REDIS, missing
from tests.bench.line import Line, Lines, NotMeasured, compared
from tests.bench.worker_posts import THREADS
from tests.support.databases import no_postgres, running_postgres, running_redis
from tests.support.inside import Inside, queue_of, wake
from tests.support.processes import ROOT, wait_until
from tests.support.product import Factory, Product

TAKES = 50  # milliseconds: the token endpoint
TOKENS = 600  # in a round
ORGANIZATIONS = 8
ROUNDS = 4

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


def lines(folder: Path) -> Lines:
    """On PostgreSQL that syncs its disk, with Redis; and on SQLite with the broker's folder."""
    with token_endpoint(TAKES) as url:
        if why := missing(POSTGRESQL, REDIS):
            yield NotMeasured("renewals on PostgreSQL and Redis", why)
        else:
            log = folder / "redis"
            log.mkdir()
            with running_postgres(fsync="on") as postgres, running_redis(log) as redis:
                factory = Factory(folder / "postgres", lambda: postgres)
                env = allowed(url)
                yield from refreshing(factory(web=0, workers=0, database="postgres", redis_url=redis.url, env=env), url)
        yield from refreshing(Factory(folder / "sqlite", no_postgres)(web=0, workers=0, env=allowed(url)), url)


def allowed(url: str) -> dict[str, str]:
    return {"OUTBOUND_ALLOW": url.split("/")[2], "WORKER_THREADS": str(THREADS)}


def refreshing(product: Product, url: str) -> Iterator[Line]:
    """Rounds of renewals by one worker and of bare posts in it, and what the worker took of memory at most."""
    try:
        script = _FURNISH % {"url": url, "count": TOKENS, "organizations": ORGANIZATIONS}
        product.manage("shell", "--verbosity", "0", "-c", script)
        inside = Inside(product)
        command = [sys.executable, "-m", "celery", "-A", "botaccounts", "worker", "--without-gossip"]
        command += ["--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        command += ["--include", worker_posts.__name__]
        worker = product.add("worker.1", command, is_ready=lambda server: obeys(product, inside))
        renewed(product, inside), posted(product, url)
        rounds = [(renewed(product, inside), posted(product, url)) for _ in range(ROUNDS)]
        name = "SQLite" if inside.is_sqlite else "PostgreSQL"
        yield rate(name, rounds, is_promised=not inside.is_sqlite)
        yield memory.most(f"worker of {THREADS} threads in that run, {name}", [worker], 300)
        yield memory.most(f"worker, at most, {name}", [worker], memory.WORKER)
    finally:
        product.stop()


def rate(name: str, rounds: list[tuple[float, float]], *, is_promised: bool) -> Line:
    """Two promises in one line: what a second brings, and how much of what bare posts bring that is."""
    line = compared(f"full refreshes, {name}", "bare posts from the same threads", "1/s", rounds, at_least=0.6)
    if not is_promised:
        return replace(line, promise="none, for comparison", kept=True)
    return replace(line, promise=f">= 150/s, {line.promise}", kept=line.kept and line.value >= 150)


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


def posted(product: Product, url: str) -> float:
    """As many bare posts from the worker's threads as a round has renewals: how many of them a second."""
    said = product.folder / f"posted-{time.monotonic_ns()}"
    queue = queue_of(product)
    for _ in range(THREADS):
        queue.send_task("tests.bench.post", args=[url, TOKENS, str(said)], ignore_result=True)
    queue.close()
    wait_until(lambda: said.exists() and said.stat().st_size > 0, seconds=120, what="every bare post")
    return float(said.read_text())
