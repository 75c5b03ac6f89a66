"""The fixtures that start real servers do start and end them."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from playwright.sync_api import Page, expect

from tests.support import preloaded
from tests.support.processes import ROOT, Server, Start, answers, executed
from tests.support.product import Product
from tests.support.sandbox_server import Sandbox


@pytest.mark.postgres
def test_each_postgres_url_is_an_empty_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.redis
def test_redis_starts_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


@pytest.mark.redis
def test_redis_is_emptied_between_tests(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


@pytest.mark.chromium
def test_chromium_shows_the_sandbox(page: Page, sandbox: Sandbox) -> None:
    page.goto(sandbox.url)
    expect(page.get_by_role("heading", name="Sandbox resource")).to_be_visible()


def test_a_product_on_sqlite_answers_on_every_web_process_until_it_is_stopped(product: Callable[..., Product]) -> None:
    running = product(web=2, workers=1, beat=True)
    assert len(running.urls) == 2
    assert all(answers(f"{url}/health/ready") for url in running.urls)
    assert "no such table" not in running.logs()

    running.kill("web.2")
    assert not answers(f"{running.urls[1]}/health/live")
    assert answers(f"{running.url}/health/live")
    running.start("web.2")
    assert answers(f"{running.urls[1]}/health/live")

    running.stop()
    assert not any(process.is_running for process in running.processes.values())
    assert not any(answers(f"{url}/health/live") for url in running.urls)


@pytest.mark.postgres
@pytest.mark.redis
def test_a_product_on_postgres_and_redis_answers(product: Callable[..., Product], redis_url: str) -> None:
    running = product(web=1, workers=1, database="postgres", redis_url=redis_url)
    assert answers(f"{running.url}/health/ready")
    assert "postgresql" in running.manage("shell", "-c", "from django.db import connection; print(connection.vendor)")


ENDS = "import os, sys; print(sys.argv, os.environ, os.getcwd(), sys.stdin.read()); sys.exit(3)"


def test_a_fork_has_arguments_and_an_environment_of_its_own_and_tells_how_it_ended() -> None:
    done = preloaded.run(["-c", ENDS, "an argument"], {"ONLY": "this"})
    assert done.returncode == 3
    assert done.stdout == f"['-c', 'an argument'] environ({{'ONLY': 'this'}}) {ROOT} \n"
    failed = preloaded.run(["-c", "1 / 0"], {})
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "ZeroDivisionError" in failed.stderr


@pytest.mark.parametrize("start", [executed, preloaded.start])
def test_a_server_that_is_forked_is_started_and_ended_like_any_other(tmp_path: Path, start: Start) -> None:
    command = [sys.executable, "-c", "print('Here I am.', flush=True); import time; time.sleep(600)"]
    server = Server(
        "sleeper",
        command,
        log=tmp_path / "log",
        is_ready=lambda each: "Here I am." in each.text_since_start(),
        start=start,
    )
    server.start()
    server.restart()
    assert server.text() == "Here I am.\n" * 2
    assert os.getpgid(server.pid) == server.pid
    server.stop()
    assert not server.is_running
    assert server._process is not None
    assert server._process.returncode == -signal.SIGTERM
