"""A house of real processes in which the rounds take place, and what a supervisor and the passing of time do in it.

`large`: PostgreSQL, Redis, two web processes, two workers, beat. `embedded`: SQLite, the broker's folder, one web
process and one worker.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from tests.chaos import clock
from tests.chaos.cast import Cast, invite
from tests.chaos.disk import VARIABLE, Disk
from tests.chaos.holders import holder, lives
from tests.chaos.resource import Resource
from tests.chaos.tasks import Tasks
from tests.support.canary import Cage
from tests.support.databases import Postgres, Redis
from tests.support.inside import Inside, wake
from tests.support.processes import ROOT, Server, answers, free_port
from tests.support.product import WEB_THREADS, Factory, Product

PAST = timedelta(minutes=1)
# What waits no longer than this has failed before; a fresh token of an hour is renewed later.
SOON = timedelta(minutes=20)
_CELERY = [sys.executable, "-m", "celery", "-A", "tests.chaos.bent_celery"]


@dataclass
class House:
    """See the module's docstring. `killed` are the processes that a fault has ended since the round `began`; `served`
    counts the tokens that bots were given.
    """

    name: str
    product: Product
    inside: Inside
    cast: Cast
    inspector: "Inspector"
    resource: Resource
    cage: Cage
    postgres: Postgres | None = None
    redis: Redis | None = None
    disk: Disk | None = None
    killed: set[str] = field(default_factory=set)
    served: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    tasks: dict[str, Tasks] = field(default_factory=dict)

    @property
    def webs(self) -> list[str]:
        return [name for name in self.product.processes if name.startswith("web.")]

    @property
    def workers(self) -> list[str]:
        return [name for name in self.product.processes if name.startswith("worker.")]

    def kill(self, names: Iterable[str]) -> None:
        for name in names:
            self.killed.add(name)
            self.product.kill(name)

    def died(self) -> list[str]:
        """Processes that have ended without anybody's doing."""
        return [name for name, server in self.product.processes.items() if not server.is_running]

    def supervise(self) -> None:
        """Start again what has ended, as systemd or a container's platform would."""
        started = [server.launch() for server in self.product.processes.values() if not server.is_running]
        for server in started:
            server.wait_until_ready()

    def wind(self, name: str, seconds: float) -> None:
        """Set the clock of a process."""
        clock.wind(clock_of(self.product, name), seconds)

    def is_idle(self) -> bool:
        """Whether no worker has a task."""
        return not any(self.tasks[name].under_way() for name in self.workers)

    def sweep(self) -> None:
        """What beat does every thirty seconds."""
        wake(self.product, "sweep")

    def waiting(self) -> int:
        """Messages in the queue."""
        return len(self.queued())

    def queued(self) -> list[str]:
        """The messages: names of files, or what Redis holds. Not what workers tell each other of themselves."""
        if self.redis is None:
            folder = Path(self.product.env["VAR_DIR"]) / "broker" / "queue"
            return [each.name for each in folder.glob("*.msg") if not each.name.endswith(".pidbox.msg")]
        with redis.Redis.from_url(self.redis.url) as client:
            return [
                str(each)[:200]
                for key in client.scan_iter("celery*", _type="list")
                for each in client.lrange(key, 0, 9)
            ]

    def end_tokens(self, ended: Iterable[str], due: Iterable[str]) -> None:
        """The access tokens of credentials have ended, or are due for an early renewal; all consumers' have ended."""
        past = datetime.now(UTC) - PAST
        for each in ended:
            self.inside.end_token(each)
        for each in due:
            self.inside.change(
                f"UPDATE credentials_oauthtoken SET refresh_at = ? WHERE credential_id = {self._uuid(each)}",  # noqa: S608
                past,
            )
        self.inside.change("UPDATE credentials_consumertoken SET expires_at = ?, refresh_at = ?", past, past)

    def _uuid(self, credential_id: str) -> str:
        return f"'{credential_id.replace('-', '')}'" if self.inside.is_sqlite else f"'{credential_id}'"

    def leases(self) -> list[tuple[str, str]]:
        """Table and owner of every lease that is held."""
        found = []
        for table in ("credentials_oauthtoken", "credentials_consumertoken"):
            rows = self.inside.rows(f"SELECT lease_owner FROM {table} WHERE lease_until IS NOT NULL")  # noqa: S608
            found += [(table, str(owner)) for (owner,) in rows]
        return found

    def holders(self) -> set[int]:
        """Process ids of those who hold a lease."""
        return {holder(owner) for _, owner in self.leases() if owner}

    def bury(self) -> None:
        """Let the time pass for which leases of processes that are dead are still theirs."""
        past = datetime.now(UTC) - PAST
        for table, owner in self.leases():
            if owner and not lives(holder(owner)):
                self.inside.change(f"UPDATE {table} SET lease_until = ? WHERE lease_owner = ?", past, owner)  # noqa: S608

    def time_passes(self) -> None:
        """A quarter of an hour: for leases, for what backs off, for outages. Only when no bot waits for an answer.

        A lease that was held before every worker is seen idle is nobody's: whoever had it could not give it back.
        """
        held = self.leases()
        now = datetime.now(UTC)
        if self.is_idle() and not self.resource.under_way:
            for table, owner in held:
                self.inside.change(f"UPDATE {table} SET lease_until = ? WHERE lease_owner = ?", now - PAST, owner)  # noqa: S608
            # Only workers exchange codes and send messages: what is claimed while none has a task, a dead one left.
            for table in ("credentials_authorization", "credentials_consumerchallenge"):
                claimed = f"UPDATE {table} SET claimed_at = ? WHERE status = 'exchanging'"  # noqa: S608
                self.inside.change(claimed, now - PAST)
            self.inside.change("UPDATE credentials_webhook SET claimed_until = NULL, blocked_until = NULL")
            late = "UPDATE credentials_webhookdelivery SET due_at = ? WHERE due_at > ?"
            self.inside.change(late, now - PAST, now)
        waits = "refresh_at > ? AND refresh_at < ?"
        for table in ("credentials_oauthtoken", "credentials_consumertoken"):
            self.inside.change(f"UPDATE {table} SET refresh_at = ? WHERE {waits}", now - PAST, now, now + SOON)  # noqa: S608
        probe = "UPDATE credentials_tokenendpoint SET probe_at = ? WHERE down_since IS NOT NULL AND probe_at > ?"
        self.inside.change(probe, now - PAST, now)


class Inspector:
    """The other end of `tests.chaos.inspector`."""

    def __init__(self, product: Product) -> None:
        command = [sys.executable, "-m", "tests.chaos.inspector"]
        log = (product.folder / "inspector.log").open("ab")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=log, text=True, cwd=ROOT, env=product.env
        )

    def ask(self, question: str, **details: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**details, "ask": question}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the inspector has died; see inspector.log"
        found: dict[str, Any] = json.loads(answer)
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def clock_of(product: Product, name: str) -> Path:
    return product.folder / "clock" / name


def build(
    stack: ExitStack,
    factory: Factory,
    *,
    postgres: Postgres | None = None,
    redis_server: Redis | None = None,
    disk: Disk | None = None,
) -> House:
    """Furnish a house and start its processes, side by side. It is pulled down with `stack`."""
    large = postgres is not None
    cage = Cage()
    resource = Resource(cage)
    stack.callback(resource.stop)
    product = factory(
        web=0,
        workers=0,
        database="postgres" if large else "sqlite",
        redis_url=redis_server.url if redis_server else "",
        env={"OUTBOUND_ALLOW": resource.allow_entry},
    )
    stack.callback(pull_down, product)
    if disk is not None:
        product.env[VARIABLE] = str(Path(product.env["VAR_DIR"]) / "broker")
        disk.mount(Path(product.env[VARIABLE]))
        stack.callback(disk.unmount)
    start(product, web=2 if large else 1, workers=2 if large else 1)
    inspector = Inspector(product)
    stack.callback(inspector.stop)
    cast = invite(resource, cage.new("client secret", around="p%a+s:s word/&={}?\"'"))
    cast.learn(inspector.ask(**{"question": "furnish", **cast.plan}))
    for server in product.processes.values():
        server.wait_until_ready()
    for home in cast.homes:
        cage.keep("service token", home.service_token)
    house = House(
        "large" if large else "embedded",
        product,
        Inside(product),
        cast,
        inspector,
        resource,
        cage,
        postgres=postgres,
        redis=redis_server,
        disk=disk,
    )
    house.tasks = {name: Tasks(product.processes[name]) for name in house.workers}
    return house


def start(product: Product, *, web: int, workers: int) -> None:
    """Launch every process with a clock of its own. A small house has no beat: the rounds sweep."""
    product.urls = [product.url, *(f"http://127.0.0.1:{port}" for port in (free_port() for _ in range(web - 1)))]
    for number in range(1, web + 1):
        url = product.urls[number - 1]
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", url.rpartition(":")[2], "--workers", "1", "--no-ws"]
        command += ["--blocking-threads", str(WEB_THREADS)]
        add(product, f"web.{number}", [*command, "tests.chaos.bent_wsgi:application"], url)
    for number in range(1, workers + 1):
        command = [*_CELERY, "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        add(product, f"worker.{number}", [*command, "-n", f"worker{number}@scratch"])
    if workers > 1:
        schedule = str(product.folder / "beat-schedule")
        add(product, "beat", [*_CELERY, "beat", "--loglevel", "INFO", "--pidfile", "", "-s", schedule])


def pull_down(product: Product) -> None:
    """Nothing of it is needed any more."""
    for server in product.processes.values():
        server.kill()


def add(product: Product, name: str, command: list[str], url: str = "") -> None:
    path = clock_of(product, name)
    clock.wind(path, 0.0)

    def is_ready(server: Server) -> bool:
        if url:
            return answers(f"{url}/health/live")
        said = server.text_since_start()
        return "ready." in said or "beat: Starting" in said

    env = {**product.env, clock.VARIABLE: str(path)}
    server = Server(name, command, log=product.folder / "log" / f"{name}.log", env=env, is_ready=is_ready)
    product.processes[name] = server.launch()
