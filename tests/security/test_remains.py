"""Whatever product a test starts is searched when it is stopped for good, and a secret that it left fails that test."""

import base64
import secrets
import subprocess
import zlib
from pathlib import Path

import psycopg
import pytest
import redis

from organizations import service_tokens
from tests.sandbox.test_authorization_server import application, authorization_url, exchange, query_of
from tests.support import preloaded
from tests.support.canary import MARK, PASSWORD
from tests.support.checkout import Checkout
from tests.support.databases import no_postgres
from tests.support.product import Factory, Product
from tests.support.remains import printed, remains, sightings
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


def test_a_checkout_whose_folder_is_called_like_the_mark_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.remains._HERE", f"/home/bob/{MARK}".encode())
    line = f'File "/home/bob/{MARK}/credentials/api/views.py", line 7'
    assert sightings({"here": line.encode()}) == []
    assert sightings({"here": f"{line}: {SECRET}".encode()}) == ["here: a marked secret"]


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


def test_promise_22_a_key_of_the_product_in_its_own_log_is_found(tmp_path: Path) -> None:
    first, second, key = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(50)
    product = stopped(tmp_path, CREDENTIAL_KEYS=f"2026b:{first},2026a:{second}", SECRET_KEY=key)
    for secret, what in ((first, "a credential key"), (second, "a credential key"), (key, "the SECRET_KEY")):
        (tmp_path / "web.1.log").write_bytes(b"settings " + base64.b64encode(secret.encode()))
        with pytest.raises(AssertionError, match=rf"web\.1\.log: {what}"):
            Factory(tmp_path, no_postgres).retire(product)


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


def test_promise_22_what_a_command_prints_fails_the_test_that_ran_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = subprocess.CompletedProcess([], 0, stdout=f"Swept {SECRET}", stderr="")
    monkeypatch.setattr(preloaded, "run", lambda *command, **how: says)
    with pytest.raises(AssertionError, match=r"what sweep printed: a marked secret") as failure:
        stopped(tmp_path).manage("sweep")
    assert SECRET not in str(failure.value)
    assert stopped(tmp_path).manage("shell", "-c", "what a test asks for") == says.stdout


def test_commands_that_show_a_service_token_on_purpose_show_nothing_else() -> None:
    for command in ("demo", "create_service_token"):
        assert printed(command, f'{{"service_token": "{service_tokens.mint()}"}}', {}) == []
        assert printed(command, SECRET, {}) == [f"what {command} printed: a marked secret"]


def test_promise_22_what_make_run_leaves_is_searched(tmp_path: Path) -> None:
    """By the mark, by the keys of .env, which belong there alone, and by the passwords that its box tells."""
    checkout = Checkout(tmp_path / "checkout")
    (checkout.folder / "var").mkdir(parents=True)
    password, key = "abcde-fghij-klmno-pqrst", secrets.token_urlsafe(40)
    person = {"username": "alice", "password": password}
    checkout.first_demo = {"users": [person], "outsider": person}
    (checkout.folder / ".env").write_text(f"# made once\nSECRET_KEY={key}\nCREDENTIAL_KEYS=2026a:{key[::-1]}\n")
    (tmp_path / "run-1.log").write_text(f"| alice  {password}  (administrator) |")
    (checkout.folder / "var" / "sandbox.sqlite3").write_text(SECRET)
    assert checkout.secrets_left() == []
    (checkout.folder / "var" / "botaccounts.sqlite3").write_text(f"{password} {SECRET}")
    (tmp_path / "run-2.log").write_text(f"no such key: {key}")
    checkout.refusals.append(f"broken: {key[::-1]}")
    assert checkout.secrets_left() == [
        "botaccounts.sqlite3: a marked secret",
        "botaccounts.sqlite3: a password of the box",
        "refused starts: a credential key",
        "run-2.log: the SECRET_KEY",
    ]


def test_whatever_the_sandbox_issues_holds_the_mark(sandbox: Sandbox, application: Application) -> None:
    code = query_of(sandbox.consent(authorization_url(sandbox, application)))["code"]
    token = exchange(sandbox, application, code).json()
    for issued in (application.client_secret, code, token["access_token"], token["refresh_token"]):
        assert sightings({"here": issued.encode()}) == ["here: a marked secret"]
    assert sightings({"here": application.client_id.encode()}) == []
