"""The fixtures that start real servers do start and end them."""

from collections.abc import Callable

import psycopg
import pytest
import redis
from playwright.sync_api import Page, expect

from tests.support.processes import answers
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
