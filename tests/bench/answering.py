"""How fast bots are answered: both calls of a line go to the same web processes, in alternating rounds."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests.bench.line import Line
from tests.support.databases import Postgres
from tests.support.journeys import Stage, Visitor, set_the_stage
from tests.support.product import Factory
from tests.support.sandbox_server import Sandbox

ROUNDS = 6
SECONDS = 1.5
CONNECTIONS = 8


def throughput(call: Callable[[requests.Session], requests.Response]) -> float:
    """Answers per second of `CONNECTIONS` clients; a refusal ends the run."""
    until = time.monotonic() + SECONDS

    def client(_: int) -> int:
        count = 0
        with requests.Session() as session:
            while time.monotonic() < until:
                call(session).raise_for_status()
                count += 1
        return count

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return sum(pool.map(client, range(CONNECTIONS))) / SECONDS


def compare(
    what: str, call: Callable[..., requests.Response], against: str, other: Callable[..., requests.Response]
) -> Line:
    throughput(call), throughput(other)
    pairs = [(throughput(call), throughput(other)) for _ in range(ROUNDS)]
    ours, theirs = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
    ratio = round(statistics.median(a / b for a, b in pairs), 3)
    promise = ">= 0.5"
    return Line(what, against, round(ours, 1), round(theirs, 1), "answers/s", ratio, promise, ratio >= 0.5)


def no_postgres() -> Postgres:
    raise RuntimeError("This run is on SQLite.")


def lines(folder: Path) -> list[Line]:
    """Start a product on SQLite with two web processes, authorize a credential, and compare."""
    sandbox = Sandbox(folder / "sandbox", access_token_seconds=3600)
    (folder / "sandbox").mkdir()
    factory = Factory(folder, no_postgres)
    sandbox.start()
    try:
        product = factory(web=2, workers=1, env={"OUTBOUND_ALLOW": sandbox.host_and_port})
        stage: Stage = set_the_stage(product)
        credential_id = Visitor(product.url, stage).sign_in().add_authorized(sandbox).credential_id
        headers = {"Authorization": f"Bearer {stage.service_token}"}
        address = f"{product.url}/api/v1/credentials/{credential_id}"
        return [
            compare(
                "token fetch, audited, SQLite",
                lambda session: session.post(f"{address}/token", headers=headers, timeout=30),
                "metadata of the same credential",
                lambda session: session.get(address, headers=headers, timeout=30),
            )
        ]
    finally:
        for each in factory.products:
            each.stop()
        sandbox.stop()
