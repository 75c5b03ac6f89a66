"""How fast bots are answered, held against a bare view, and against calling the resource themselves.

Both calls of a line go to the same two web processes, in alternating rounds. The client is `tests.bench.drive`.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.bench import memory
from tests.bench.drive import Seen, drive, request_text
from tests.bench.installed import POSTGRESQL, REDIS, missing
from tests.bench.line import Line, Lines, NotMeasured, compared
from tests.bench.pages import look_around
from tests.support.databases import no_postgres, running_postgres, running_redis
from tests.support.journeys import Stage, set_the_stage
from tests.support.processes import executed
from tests.support.product import Factory, Product

ROUNDS = 8
SECONDS = 1.5
CALLS = 60  # of each side, one after another
WEB_PROCESSES = 2

_FURNISH = """
import json
from organizations.models import Bot, Organization
from credentials.models import ApiIntegration
from tests.support.credentials import give_token, make_credential
organization = Organization.objects.select_related("account").get(pk="%(organization_id)s")
credential = make_credential(organization)
give_token(credential)
integration = ApiIntegration.objects.create(
    organization=organization, bot=Bot.objects.get(pk="%(bot_id)s"), name="Resource", method="GET",
    url="%(resource)s", credential=credential,
)
print(json.dumps([str(credential.pk), str(integration.pk)]))
"""


class Resource(BaseHTTPRequestHandler):
    """What an integration calls: answers at once, and keeps connections open for those who want that."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes; the second would wait for the client's delayed acknowledgement of the first.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = b'{"order": "A-1001", "state": "on its way"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be measured too."""


@contextmanager
def resource() -> Iterator[str]:
    """The address of a running resource on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Resource)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/orders"
    finally:
        server.shutdown()
        server.server_close()


def lines(folder: Path) -> Lines:
    """Two web processes, on PostgreSQL that syncs its disk with a Redis beside it, and then on SQLite."""
    with resource() as address:
        if why := missing(POSTGRESQL, REDIS):
            yield NotMeasured("answers on PostgreSQL", why)
        else:
            (folder / "redis").mkdir()
            with running_postgres(fsync="on") as postgres, running_redis(folder / "redis") as redis:
                several = Factory(folder / "postgres", lambda: postgres, start_web=executed)
                yield from on(several, address, database="postgres", redis_url=redis.url)
        yield from on(Factory(folder / "sqlite", no_postgres, start_web=executed), address, database="sqlite")


def on(factory: Factory, resource_address: str, *, database: str, redis_url: str = "") -> Iterator[Line]:
    env = {
        "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        "OUTBOUND_ALLOW": str(urlsplit(resource_address).netloc),
    }
    product = factory(web=WEB_PROCESSES, workers=0, database=database, redis_url=redis_url, env=env)
    try:
        stage = set_the_stage(product)
        script = _FURNISH % {**vars(stage), "resource": resource_address}
        credential, integration = json.loads(product.manage("shell", "--verbosity", "0", "-c", script))
        name, at_least = ("PostgreSQL", 0.6) if database == "postgres" else ("SQLite", 0.5)
        for connections in (8, 32):
            yield from token_fetch(product, stage, credential, connections, name, at_least)
        yield integration_call(product, stage, integration, resource_address, name)
        look_around(product, stage, credential, integration)
        yield memory.most(f"web process, at most, {name}", list(product.processes.values()), memory.WEB)
    finally:
        product.stop()


def token_fetch(
    product: Product, stage: Stage, credential: str, connections: int, database: str, at_least: float
) -> Iterator[Line]:
    addresses = [("127.0.0.1", int(url.rpartition(":")[2])) for url in product.urls]
    headers = {"Authorization": f"Bearer {stage.service_token}"}

    def side(method: str, path: str) -> Callable[[], Seen]:
        text = request_text(method, path, headers)
        return lambda: drive(addresses, text, connections=connections, seconds=SECONDS)

    fetch = side("POST", f"/api/v1/credentials/{credential}/token")
    bare = side("GET", f"/api/v1/bare/{credential}")
    rounds = [(fetch(), bare()) for _ in range(1 + ROUNDS)][1:]
    what, against = f"audited token fetch, {database}, {connections} conn.", "a bare view of one row"
    yield compared(what, against, "answers/s", [(a.rate, b.rate) for a, b in rounds], at_least=at_least)
    slowest = [(a.percentile(99), b.percentile(99)) for a, b in rounds]
    yield compared(f"{what}, p99", f"{against}, p99", "ms", slowest, at_most=2.5)


def integration_call(product: Product, stage: Stage, integration: str, address: str, database: str) -> Line:
    """What the way through us adds to a call, at the median."""
    call = f"{product.url}/api/v1/integrations/{integration}/call"
    headers = {"Authorization": f"Bearer {stage.service_token}"}
    ours, theirs = [], []
    with requests.Session() as through_us, requests.Session() as directly:
        for number in range(CALLS + 5):
            started = time.perf_counter()
            answer = through_us.post(call, headers=headers, timeout=30)
            between = time.perf_counter()
            directly.get(address, headers=headers, timeout=30).raise_for_status()
            ended = time.perf_counter()
            answer.raise_for_status()
            if not answer.json()["success"]:
                raise RuntimeError(answer.text)
            if number >= 5:
                ours.append((between - started) * 1000)
                theirs.append((ended - between) * 1000)
    a, b = statistics.median(ours), statistics.median(theirs)
    what, against = f"integration call, {database}", "plain requests session, same header"
    return Line(what, against, round(a, 2), round(b, 2), "ms", round(a / b, 3), "<= 10 ms more", a - b <= 10)
