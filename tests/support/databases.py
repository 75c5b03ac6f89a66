"""A PostgreSQL and a Redis server of our own, on free ports in scratch folders, where the programs are installed."""

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support.processes import Server, find_program, free_port

POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


class Postgres:
    """A running PostgreSQL. `new_database()` gives the DATABASE_URL of a fresh, empty database."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self._numbers = itertools.count(1)

    def url_of(self, name: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def new_database(self, template: str = "template0") -> str:
        name = f"scratch_{next(self._numbers)}"
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url_of(name)

    def dump(self, url: str, path: Path) -> None:
        """Write all of a database to a file."""
        self._run("pg_dump", "--format", "custom", "--file", str(path), url)

    def restored(self, dump: Path) -> str:
        """DATABASE_URL of a new database with all that is in the file."""
        url = self.new_database()
        self._run("pg_restore", "--dbname", url, str(dump))
        return url

    @staticmethod
    def _run(name: str, *arguments: str) -> None:
        program = find_program(name, *POSTGRES_FOLDERS)
        subprocess.run([program, *arguments], check=True, capture_output=True, text=True)


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root; its package brings the user for it."""
    if os.geteuid() != 0:
        return []
    return [find_program("setpriv"), "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]


@contextlib.contextmanager
def running_postgres(**options: str) -> Iterator[Postgres]:
    """A PostgreSQL server of its own. `options` replace settings, such as `fsync="on"` where speed is measured."""
    initdb = find_program("initdb", *POSTGRES_FOLDERS)
    program = find_program("postgres", *POSTGRES_FOLDERS)
    prefix = _as_postgres()
    # Not below pytest's own scratch folder, which only root may enter.
    scratch = Path(tempfile.mkdtemp(prefix="postgres-"))
    if prefix:
        shutil.chown(scratch, "postgres", "postgres")
    data = scratch / "data"
    try:
        subprocess.run(
            [
                *prefix,
                initdb,
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=scratch,
            text=True,
        )
        port = free_port()
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "200",
            **options,
        }
        command = [*prefix, program, "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]

        def accepts(server: Server) -> bool:
            try:
                psycopg.connect(f"postgres://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        server = Server("postgres", command, log=scratch / "log", cwd=scratch, is_ready=accepts).start()
        try:
            yield Postgres(server, port)
        finally:
            server.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def no_postgres() -> Postgres:
    """For a `Factory` whose products are all on SQLite."""
    raise RuntimeError("Nobody said that this would need PostgreSQL.")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """DATABASE_URL of a fresh, empty PostgreSQL database."""
    return postgres.new_database()


class Redis:
    """A running Redis without persistence: a restart loses everything, which is the worst case."""

    def __init__(self, server: Server, url: str) -> None:
        self.server = server
        self.url = url

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """A Redis server of its own, with its log in `folder`."""
    program = find_program("redis-server")
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def accepts(server: Server) -> bool:
        try:
            with redis.Redis.from_url(url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    server = Server("redis", [*command, "--dir", str(folder)], log=folder / "log", is_ready=accepts).start()
    try:
        yield Redis(server, url)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis server for the whole run."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """REDIS_URL of the run's Redis, emptied."""
    if not redis_server.server.is_running:
        redis_server.server.start()
    redis_server.flush()
    return redis_server.url


def redis_keys(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key of a Redis with all that it holds, uncompressed."""
    with redis.Redis.from_url(url) as client:
        readers: dict[bytes, Callable[[bytes], object]] = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"hash": client.hgetall,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }
        for key in client.scan_iter():
            kind = bytes(client.type(key))
            yield f"redis {key.decode()}", key + repr(readers[kind](key)).encode()
