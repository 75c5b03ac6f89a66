"""The product as an installation runs it: real web, worker and beat processes on scratch data."""

import base64
import fcntl
import itertools
import os
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import preloaded
from tests.support.databases import Postgres
from tests.support.environment import scratch_environment
from tests.support.processes import Server, Start, answers, executed, free_port
from tests.support.remains import keys_in, printed, remains, sightings

DATABASE = "botaccounts.sqlite3"
WEB_THREADS = 16  # of a web process, as docs/operations.md has it


class Product:
    """A running product. Process names are `web.1`, `web.2`, …, `worker.1`, …, `beat`."""

    def __init__(self, folder: Path, env: dict[str, str], ports: list[int], start_web: Start = preloaded.start) -> None:
        self._start_web = start_web
        self.folder = folder
        self.env = env
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.processes: dict[str, Server] = {}

    @property
    def url(self) -> str:
        """PUBLIC_URL: the address of the first web process, or of what stands before them. `urls` names all of them."""
        return self.env["PUBLIC_URL"]

    def manage(self, *arguments: str, check: bool = True, **env: str) -> str:
        """Run `manage.py …` on this product's data and return its standard output; AssertionError when it fails."""
        done = preloaded.run(["manage.py", *arguments], {**self.env, **env})
        self._keep(done.stderr)
        assert done.returncode == 0 or not check, f"manage.py {arguments[0]}:\n{done.stdout}{done.stderr}"
        if arguments[0] != "shell":  # what a test's own words print is the test's
            seen = printed(arguments[0], done.stdout, self.env)
            assert seen == [], f"secrets were printed: {seen}"
        return done.stdout

    def _keep(self, said: str) -> None:
        """What a command logged is searched with the other logs, when the product is retired."""
        log = self.folder / "log" / "manage.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as kept:
            kept.write(said)

    def add(self, name: str, command: list[str], *, is_ready: Callable[[Server], bool], **env: str) -> Server:
        """Start one more process of this product, and wait until it is ready."""
        return self._launch(name, command, is_ready=is_ready, **env).wait_until_ready()

    def _launch(
        self, name: str, command: list[str], *, is_ready: Callable[[Server], bool], start: Start = executed, **env: str
    ) -> Server:
        self.processes[name] = Server(
            name,
            command,
            log=self.folder / "log" / f"{name}.log",
            env={**self.env, **env},
            is_ready=is_ready,
            start=start,
        )
        return self.processes[name].launch()

    def begin(self, *, web: int, workers: int, beat: bool) -> None:
        """Start that many processes side by side, and wait until all are ready."""
        servers = [self._launch_web(number) for number in range(1, web + 1)]
        servers += [self._launch_worker(number) for number in range(1, workers + 1)]
        servers += [self._launch_beat()] if beat else []
        for server in servers:
            server.wait_until_ready()

    def add_web(self, number: int, **env: str) -> Server:
        return self._launch_web(number, **env).wait_until_ready()

    def _launch_web(self, number: int, **env: str) -> Server:
        url = self.urls[number - 1]
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", url.rpartition(":")[2], "--workers", "1", "--no-ws"]
        command += ["--blocking-threads", str(WEB_THREADS), "botaccounts.wsgi:application"]
        return self._launch(
            f"web.{number}",
            command,
            is_ready=lambda server: answers(f"{url}/health/live"),
            start=self._start_web,
            **env,
        )

    def add_worker(self, number: int, **env: str) -> Server:
        return self._launch_worker(number, **env).wait_until_ready()

    def _launch_worker(self, number: int, **env: str) -> Server:
        command = ["worker", "--concurrency", "8", "--without-gossip", "--without-mingle"]
        command += ["--without-heartbeat", "-n", f"worker{number}@scratch"]
        return self._launch_celery(f"worker.{number}", command, says="ready.", **env)

    def add_beat(self, **env: str) -> Server:
        return self._launch_beat(**env).wait_until_ready()

    def _launch_beat(self, **env: str) -> Server:
        command = ["beat", "--pidfile", "", "-s", str(self.folder / "var" / "beat-schedule")]
        return self._launch_celery("beat", command, says="beat: Starting", **env)

    def _launch_celery(self, name: str, command: list[str], *, says: str, **env: str) -> Server:
        """`says`: what it writes when it is ready."""
        return self._launch(
            name,
            [sys.executable, "-m", "celery", "-A", "botaccounts", *command, "--loglevel", "INFO"],
            is_ready=lambda server: says in server.text_since_start(),
            start=preloaded.start,
            **env,
        )

    def kill(self, name: str) -> None:
        """SIGKILL one process and its children, at once."""
        self.processes[name].kill()

    def stop(self, name: str | None = None) -> None:
        """End one process politely, or all of them."""
        servers = [self.processes[name]] if name else list(self.processes.values())
        for server in servers:
            server.ask_to_end()
        for server in servers:
            server.wait_until_ended()

    def start(self, name: str) -> None:
        """Start a stopped or killed process again."""
        self.processes[name].start()

    def restart(self, name: str) -> None:
        self.processes[name].restart()

    def logs(self, name: str | None = None) -> str:
        """Everything that one process wrote since the beginning, or all of them one after another."""
        return "".join(self.processes[each].text() for each in ([name] if name else self.processes))


def new_credential_keys(key_id: str = "test") -> str:
    """A CREDENTIAL_KEYS value with one fresh key."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """`path`, made by the first process that asks for it; others wait until it is whole."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path


class Factory:
    """Starts products. Migrating and collecting static files is done once per run and copied.

    Processes that run tests side by side share what was made in the folder `shared`. `start_web`: how web processes are
    started; where they are measured, not from one that has loaded more than they need.
    """

    def __init__(
        self,
        folder: Path,
        postgres: Callable[[], Postgres],
        shared: Path | None = None,
        start_web: Start = preloaded.start,
    ) -> None:
        self._folder = folder
        self._shared = shared or folder
        self._postgres = postgres
        self._start_web = start_web
        self._numbers = itertools.count(1)
        self._postgres_template: str | None = None
        self.products: list[Product] = []

    def __call__(
        self,
        *,
        web: int = 1,
        workers: int = 1,
        beat: bool = False,
        database: str = "sqlite",
        redis_url: str = "",
        env: dict[str, str] | None = None,
    ) -> Product:
        """A migrated product: `web` and `workers` processes, `database` "sqlite" or "postgres", `env` on top of ours.

        OUTBOUND_ALLOW is empty unless `env` names what a credential may reach, such as `sandbox.host_and_port`.
        """
        folder = self._folder / f"product{next(self._numbers)}"
        var = folder / "var"
        var.mkdir(parents=True)
        ports = [free_port() for _ in range(web or 1)]
        product = Product(folder, self._environment(var, ports[0], redis_url, env or {}), ports, self._start_web)
        self._link_static(product, var)
        if {"DATABASE_URL", "CREDENTIAL_KEYS"} & set(env or {}):
            product.manage("migrate", "--verbosity", "0")
        elif database == "postgres":
            self._migrate_postgres(product)
        else:
            shutil.copy(self.migrated_sqlite(), var / DATABASE)
        self.products.append(product)
        product.begin(web=web, workers=workers, beat=beat)
        return product

    def retire(self, *products: Product) -> None:
        """Stop products for good and search what is left of them: AssertionError where there is a secret."""
        for product in products:
            product.stop()
            if product in self.products:
                self.products.remove(product)
        seen = [
            f"{product.folder.name}/{each}"
            for product in products
            for each in sightings(remains(product.folder, product.env), also=keys_in(product.env))
        ]
        assert seen == [], f"secrets were left behind: {seen}"

    def _environment(self, var: Path, port: int, redis_url: str, env: dict[str, str]) -> dict[str, str]:
        return scratch_environment(
            **{
                "DJANGO_SETTINGS_MODULE": "botaccounts.settings",
                "SECRET_KEY": secrets.token_urlsafe(50),
                "CREDENTIAL_KEYS": self._credential_keys(),
                "DATABASE_URL": f"sqlite:///{var / DATABASE}",
                "REDIS_URL": redis_url,
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "OUTBOUND_ALLOW": "",
                "DEBUG": "false",
                "VAR_DIR": str(var),
                **env,
            }
        )

    def _credential_keys(self) -> str:
        """One for the run: a migrated database remembers the fingerprint of the key that it was made with."""
        return once(self._shared / "credential-keys", lambda path: path.write_text(new_credential_keys())).read_text()

    def _link_static(self, product: Product, var: Path) -> None:
        def collect(path: Path) -> None:
            product.manage("collectstatic", "--noinput", "--verbosity", "0")
            shutil.move(var / "static", path)

        (var / "static").symlink_to(once(self._shared / "static", collect))

    def _migrate_postgres(self, product: Product) -> None:
        server = self._postgres()

        def migrate(path: Path) -> None:
            database = server.new_database()
            product.manage("migrate", "--verbosity", "0", DATABASE_URL=database)
            server.dump(database, path)

        if self._postgres_template is None:
            dump = once(self._shared / "template.dump", migrate)
            self._postgres_template = server.restored(dump).rpartition("/")[2]
        product.env["DATABASE_URL"] = server.new_database(self._postgres_template)

    def migrated_sqlite(self) -> Path:
        """A SQLite file with all tables and no rows but those that a migration makes."""

        def migrate(path: Path) -> None:
            var = self._folder / "migrated" / "var"
            var.mkdir(parents=True)
            Product(var.parent, self._environment(var, free_port(), "", {}), []).manage("migrate", "--verbosity", "0")
            # A backup takes along what is still in the write-ahead log.
            with closing(sqlite3.connect(var / DATABASE)) as source, closing(sqlite3.connect(path)) as target:
                source.backup(target)

        return once(self._shared / "template.sqlite3", migrate)


@pytest.fixture(scope="session")
def product_factory(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Factory]:
    """Factory for products that live as long as the test run; `product` is the one to use within a test."""
    folder = tmp_path_factory.mktemp("products")
    # Each process of pytest-xdist has a base folder of its own in the one of the run.
    shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    factory = Factory(folder, lambda: request.getfixturevalue("postgres"), shared)
    yield factory
    factory.retire(*factory.products)


@pytest.fixture
def product(product_factory: Factory) -> Iterator[Callable[..., Product]]:
    """Factory: `product(web=2, workers=4, database="postgres", env={...})`; stopped when the test ends."""
    started: list[Product] = []

    def start(**options: Any) -> Product:
        started.append(product_factory(**options))
        return started[-1]

    yield start
    product_factory.retire(*started)
