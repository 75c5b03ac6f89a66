"""Whatever product a test starts is searched when it is stopped for good, and a secret that it left fails that test."""

import base64
import secrets
import zlib
from pathlib import Path

import psycopg
import pytest
import redis

from organizations import service_tokens
from tests.sandbox.test_authorization_server import application, authorization_url, exchange, query_of
from tests.support.canary import MARK, PASSWORD
from tests.support.databases import Postgres
from tests.support.product import Factory, Product
from tests.support.remains import remains, sightings
from tests.support.sandbox_server import Application, Sandbox

__all__ = ["application"]

SECRET = f"{MARK}-of-a-test"
WRAPPED = {
    "raw": SECRET.encode(),
    "in base64": base64.b64encode(b"id:" + SECRET.encode()),
    "in hexadecimal": SECRET.encode().hex().encode(),
    "URL-encoded to the last letter": "".join(f"%{each:02x}" for each in SECRET.encode()).encode(),
    "in a session": base64.urlsafe_b64encode(zlib.compress(SECRET.encode() * 3)),
}


def no_postgres() -> Postgres:
    raise AssertionError("nobody asks for it")


def stopped(folder: Path, **env: str) -> Product:
    return Product(folder, {"DATABASE_URL": "sqlite:///", "REDIS_URL": "", **env}, [])


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_promise_22_a_secret_in_a_log_fails_the_test_whose_product_wrote_it(tmp_path: Path, wrapping: str) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "worker.1.log").write_bytes(b"Bob authorized " + WRAPPED[wrapping] + b" and went on")
    with pytest.raises(AssertionError, match=r"log/worker\.1\.log: a marked secret") as failure:
        Factory(tmp_path, no_postgres).retire(stopped(tmp_path))
    assert SECRET not in str(failure.value)


def test_a_product_that_kept_its_secrets_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "web.1.log").write_text(f"Bob authorized v1:test:{secrets.token_urlsafe(90)} bat_ whsec_ eyJ")
    (tmp_path / "link.log").symlink_to(__file__)
    Factory(tmp_path, no_postgres).retire(stopped(tmp_path))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (service_tokens.mint(), "a service token"),
        (PASSWORD, "a person's password"),
        (PASSWORD.replace(" ", "+"), "a person's password"),
        ("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(), "the secret of a webhook"),
        (".".join(["eyJ" + secrets.token_urlsafe(40), "eyJ" + secrets.token_urlsafe(90), "x" * 40]), "a signed token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
    ids=lambda value: value if " " in value and "-" not in value else "",
)
def test_what_a_product_makes_itself_is_known_by_its_form(text: str, what: str) -> None:
    assert f"here: {what}" in sightings({"here": b"noise " + text.encode() + b" noise"})


@pytest.mark.postgres
def test_promise_22_what_postgresql_holds_is_searched(tmp_path: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as database:
        database.execute("CREATE TABLE note (text text, packed bytea)")
        database.execute("INSERT INTO note VALUES (%s, '')", [SECRET])
    left = remains(tmp_path, {"DATABASE_URL": postgres_url, "REDIS_URL": ""})
    assert sightings(left) == ["pg_dump: a marked secret"]


@pytest.mark.redis
def test_promise_22_what_redis_holds_is_searched(tmp_path: Path, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.rpush("celery", "first", SECRET)
    left = remains(tmp_path, {"DATABASE_URL": "sqlite:///", "REDIS_URL": redis_url})
    assert sightings(left) == ["redis celery: a marked secret"]


def test_whatever_the_sandbox_issues_holds_the_mark(sandbox: Sandbox, application: Application) -> None:
    code = query_of(sandbox.consent(authorization_url(sandbox, application)))["code"]
    token = exchange(sandbox, application, code).json()
    for issued in (application.client_secret, code, token["access_token"], token["refresh_token"]):
        assert sightings({"here": issued.encode()}) == ["here: a marked secret"]
    assert sightings({"here": application.client_id.encode()}) == []
