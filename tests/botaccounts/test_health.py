"""What a load balancer is told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from botaccounts import health
from organizations.sql.sqlite.base import DatabaseWrapper
from tests.support.processes import wait_until


@pytest.fixture
def database_check(monkeypatch):
    """Put another check in the place of the database's."""

    def put(check):
        monkeypatch.setattr(health, "_database", health.Probe("database", check))

    return put


def refuse():
    raise OperationalError("connection refused")


def test_a_process_that_answers_is_live_without_asking_anything(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/health/live")  # no database is available to this test
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_with_a_database_it_is_ready(client):
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def test_promise_17_without_a_database_it_names_it_with_503(client, database_check):
    database_check(refuse)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "down": ["database"]})
    assert client.get("/health/live").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_promise_17_a_database_without_its_tables_is_none(client, monkeypatch, tmp_path):
    empty = {**connection.settings_dict, "NAME": str(tmp_path / "empty.sqlite3")}
    database = DatabaseWrapper(empty, "empty")
    database.inc_thread_sharing()
    monkeypatch.setattr(health, "connection", database)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["down"]) == (503, ["database"])


@pytest.mark.django_db(transaction=True)
def test_promise_17_the_broker_counts_where_one_is_configured(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["down"]) == (503, ["broker"])


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_answers_makes_it_ready(client, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(redis.Redis, "ping", lambda self: True)
    assert client.get("/health/ready").status_code == 200


def test_a_database_that_hangs_is_down_within_the_deadline_and_asked_once(client, database_check, monkeypatch):
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.2)
    let_go = threading.Event()
    asked = []

    def hang():
        asked.append(1)
        let_go.wait(30)

    database_check(hang)
    try:
        begun = time.monotonic()
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/ready").status_code == 503
        assert time.monotonic() - begun < 2
        assert len(asked) == 1
    finally:
        let_go.set()


def test_who_asks_while_the_database_is_being_asked_is_told_the_same(monkeypatch):
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 30)
    asked, joined, let_go = [], threading.Semaphore(0), threading.Event()

    def answer():
        asked.append(1)
        assert let_go.wait(30)

    class Counted(health.Probe):
        def attempt(self):
            attempt = super().attempt()
            joined.release()
            return attempt

    monkeypatch.setattr(health, "_database", Counted("database", answer))
    with ThreadPoolExecutor() as balancers:
        told = [balancers.submit(Client().get, "/health/ready") for _ in range(3)]
        assert all(joined.acquire(timeout=30) for _ in told)
        let_go.set()
        assert [each.result().status_code for each in told] == [200, 200, 200]
    assert len(asked) == 1
    monkeypatch.setattr(health, "_database", health.Probe("database", refuse))
    assert Client().get("/health/ready").status_code == 503


def test_nobody_is_told_more_of_an_attempt_than_its_deadline_allows(monkeypatch):
    """Who comes late waits as long as the first one does, not as long again."""
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.4)
    let_go = threading.Event()
    probe = health.Probe("database", lambda: let_go.wait(30))
    monkeypatch.setattr(health, "_database", probe)
    waits = []
    join = health.Attempt.join
    monkeypatch.setattr(health.Attempt, "join", lambda self, timeout: (waits.append(timeout), join(self, timeout)))
    try:
        late = probe.attempt()
        wait_until(lambda: time.monotonic() > late.deadline - 0.2, seconds=20, what="half of its time to pass")
        assert Client().get("/health/ready").status_code == 503
        assert all(0 <= each <= 0.2 for each in waits)
        assert waits or time.monotonic() > late.deadline
    finally:
        let_go.set()


def test_promise_17_a_database_is_not_well_because_it_is_remembered(monkeypatch, tmp_path, django_db_blocker):
    """SQLite keeps pages; a connection that has read the row before would not look whether it is still there."""
    file = tmp_path / "some.sqlite3"
    with django_db_blocker.unblock():
        database = DatabaseWrapper({**connection.settings_dict, "NAME": str(file)}, "some")
        database.inc_thread_sharing()
        monkeypatch.setattr(health, "connection", database)
        with database.cursor() as cursor:
            cursor.execute("CREATE TABLE django_migrations (id integer)")
            cursor.execute("INSERT INTO django_migrations VALUES (1)")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        assert Client().get("/health/ready").status_code == 200
        with file.open("r+b") as disk:
            disk.write(b"\xff" * file.stat().st_size)
        assert Client().get("/health/ready").status_code == 503


def test_only_reading_is_asked_for(client):
    assert client.post("/health/live").status_code == 405
    assert client.post("/health/ready").status_code == 405
