"""What stops a start, what only warns, and that neither writes or repeats a secret."""

import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from pytest_django import Settings

from credentials import checks
from credentials.crypto.envelope import Unsealable
from credentials.crypto.keyring import keyring, parse_keys
from credentials.models import Credential
from credentials.models.key_check import KeyCheck
from organizations.models import Organization
from tests.support import preloaded
from tests.support.environment import scratch_environment
from tests.support.people import Cast
from tests.support.processes import free_port

LOCAL = "http://127.0.0.1:8000"
WEB = ["-c", "import botaccounts.wsgi"]
WORKER = ["-m", "celery", "-A", "botaccounts", "worker", "--concurrency", "1"]
BEAT = ["-m", "celery", "-A", "botaccounts", "beat", "--pidfile", ""]
COMMAND = ["manage.py", "rotate_keys"]
MIGRATE = ["manage.py", "migrate"]


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [problem.id for problem in found]


def new_key(name: str) -> str:
    return f"{name}:{secrets.token_urlsafe(32)}"


@pytest.fixture
def known_keys(db: None) -> None:
    """The database knows the configured keys and no others."""
    KeyCheck.objects.all().delete()
    checks.remember_keys()


def sealed_credential(organization: Organization, name: str = "CRM") -> Credential:
    credential = Credential(organization=organization, account=organization.account, name=name, kind="oauth2")
    credential.seal("secrets", {"client_secret": name})
    credential.save()
    return credential


# The settings, one by one


@pytest.mark.parametrize("keys", ["", "2026a", "2026a:short", "no-colon"])
def test_missing_or_malformed_keys_are_an_error_with_the_command_that_makes_one(settings: Settings, keys: str) -> None:
    settings.CREDENTIAL_KEYS = keys
    (problem,) = checks.check_keys()
    assert problem.id == "credentials.E001"
    assert problem.is_serious()
    assert "generate_key" in str(problem.hint)


def test_well_formed_keys_are_no_problem() -> None:
    assert checks.check_keys() == []


@pytest.mark.parametrize(("length", "expected"), [(0, ["credentials.E002"]), (31, ["credentials.E002"]), (32, [])])
def test_a_missing_or_short_secret_key_is_an_error(settings: Settings, length: int, expected: list[str]) -> None:
    settings.SECRET_KEY = "k" * length
    found = checks.check_secret_key()
    assert ids(found) == expected
    assert all("kkkk" not in str(problem) for problem in found)


@pytest.mark.parametrize(
    ("debug", "public_url", "expected"),
    [
        (True, LOCAL, []),
        (True, "http://[::1]:8000", []),
        (True, "http://localhost:8000", []),
        (False, "https://bots.example.com", []),
        (True, "https://bots.example.com", ["credentials.E003"]),
        (True, "http://10.0.0.5:8000", ["credentials.E003"]),
        (True, "http://localhost.example.com", ["credentials.E003"]),
        (True, "http://127.0.0.1.example.com", ["credentials.E003"]),
        (True, "http://[half", ["credentials.E003"]),
    ],
)
def test_promise_23_debugging_is_for_this_machine_only(
    settings: Settings, debug: bool, public_url: str, expected: list[str]
) -> None:
    settings.DEBUG, settings.PUBLIC_URL = debug, public_url
    assert ids(checks.check_debug()) == expected


@pytest.mark.parametrize(
    "public_url", [LOCAL, "http://localhost", "http://bots.localhost:8000", "https://bots.example.com:8443"]
)
def test_a_public_address_that_protects_its_way_is_fine(settings: Settings, public_url: str) -> None:
    settings.PUBLIC_URL = public_url
    assert checks.check_public_url() == []


@pytest.mark.parametrize(
    ("public_url", "said"),
    [
        ("http://bots.example.com", "plain http"),
        ("http://192.168.1.10:8000", "plain http"),
        ("", "not an http or https address"),
        ("bots.example.com", "not an http or https address"),
        ("ftp://bots.example.com", "not an http or https address"),
        ("https://", "not an http or https address"),
        ("https://bots example.com", "not an http or https address"),
        ("https://bots.example.com:port", "is not an address"),
        ("https://[half", "is not an address"),
        ("https://bots.example.com/prefix", "more than"),
        ("https://bots.example.com?a=b", "more than"),
        ("https://user:pass@bots.example.com", "more than"),
    ],
)
def test_a_public_address_that_redirects_cannot_use_is_an_error(settings: Settings, public_url: str, said: str) -> None:
    settings.PUBLIC_URL = public_url
    (problem,) = checks.check_public_url()
    assert problem.id == "credentials.E004"
    assert said in problem.msg
    assert "pass@" not in str(problem)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [([], []), (["10.1.2.0/24", "idp.internal:8443"], []), (["10.0.0.0/99"], ["credentials.E005"])],
)
def test_an_outbound_exception_that_cannot_be_read_is_an_error(
    settings: Settings, entries: list[str], expected: list[str]
) -> None:
    settings.OUTBOUND_ALLOW = entries
    assert ids(checks.check_outbound_allow()) == expected


# The keys and the database


@pytest.mark.django_db
def test_migrating_remembers_the_keys() -> None:
    KeyCheck.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert dict(KeyCheck.objects.values_list("key_id", "fingerprint")) == dict(keyring().fingerprints)


@pytest.mark.usefixtures("known_keys")
def test_what_is_remembered_of_a_key_is_not_the_key() -> None:
    remembered = "".join(KeyCheck.objects.values_list("fingerprint", flat=True))
    for key in keyring().keys.values():
        assert key.secret.hex() not in remembered


@pytest.mark.usefixtures("known_keys")
def test_promise_28_another_key_under_a_known_id_refuses_the_start_and_writes_nothing(settings: Settings) -> None:
    before = list(KeyCheck.objects.order_by("key_id").values())
    settings.CREDENTIAL_KEYS = f"{new_key('brand-new')},{new_key('test-a')}"
    with pytest.raises(ImproperlyConfigured, match="E006") as caught:
        checks.refuse_to_start_when_misconfigured()
    assert '"test-a"' in str(caught.value)
    assert "--id" in str(caught.value)
    assert list(KeyCheck.objects.order_by("key_id").values()) == before


@pytest.mark.usefixtures("known_keys")
def test_the_right_keys_start_and_a_new_one_is_remembered(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = f"{new_key('newer')},{settings.CREDENTIAL_KEYS}"
    checks.refuse_to_start_when_misconfigured()
    assert KeyCheck.objects.get(key_id="newer").fingerprint == keyring().fingerprints["newer"]
    settings.CREDENTIAL_KEYS = new_key("newer")
    with pytest.raises(ImproperlyConfigured, match="E006"):
        checks.refuse_to_start_when_misconfigured()


@pytest.mark.usefixtures("known_keys")
def test_the_first_of_two_processes_that_bring_different_keys_under_one_id_counts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CREDENTIAL_KEYS = new_key("newer")
    remember = checks.remember_keys

    def remember_a_moment_later() -> None:
        KeyCheck.objects.create(key_id="newer", fingerprint="of another process")
        remember()

    monkeypatch.setattr(checks, "remember_keys", remember_a_moment_later)
    with pytest.raises(ImproperlyConfigured, match="E006"):
        checks.refuse_to_start_when_misconfigured()


@pytest.mark.django_db
def test_every_error_of_the_settings_is_said_at_once(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = ""
    settings.SECRET_KEY = "short"
    settings.PUBLIC_URL = "http://bots.example.com"
    with pytest.raises(ImproperlyConfigured, match=r"(?s)E001.*E002.*E004"):
        checks.refuse_to_start_when_misconfigured()


def test_a_lost_key_warns_with_its_name_and_how_much_it_sealed(
    cast: Cast, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        sealed_credential(cast.organization, f"CRM {number}")
    kept = settings.CREDENTIAL_KEYS.split(",")[1]
    settings.CREDENTIAL_KEYS = f"{new_key('newer')},{kept}"

    (problem,) = checks.check_database()
    assert problem.id == "credentials.W001"
    assert not problem.is_serious()
    assert problem.msg == '3 secrets are sealed with the key "test-b", which is not configured.'
    checks.refuse_to_start_when_misconfigured()
    assert "W001" in caplog.text


def test_promise_28_after_a_lost_key_secrets_can_be_listed_replaced_and_deleted(cast: Cast, settings: Settings) -> None:
    for name in ("Kept", "Replaced", "Deleted"):
        sealed_credential(cast.organization, name)
    settings.CREDENTIAL_KEYS = new_key("newer")

    rows = {row.name: row for row in Credential.objects.all()}
    with pytest.raises(Unsealable, match='"test-b" is not configured'):
        rows["Kept"].open_secrets()
    rows["Replaced"].seal("secrets", {"client_secret": "new"})
    rows["Replaced"].save()
    rows["Deleted"].delete()
    assert {row.name for row in Credential.objects.all()} == {"Kept", "Replaced"}
    assert Credential.objects.get(name="Replaced").open_secrets() == {"client_secret": "new"}
    (problem,) = checks.check_database()
    assert problem.msg.startswith("1 secret is")


@pytest.mark.parametrize("damaged", ["hunter2", "v1:", "v1:test-z", "v1::"])
def test_a_secret_that_is_no_envelope_warns_and_is_not_repeated(cast: Cast, damaged: str) -> None:
    sealed_credential(cast.organization)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE credentials_credential SET secrets = %s", [damaged])
    (problem,) = checks.check_database()
    assert problem.msg == "1 secret is not in an envelope and cannot be opened."
    assert "hunter2" not in str(problem)


@pytest.mark.usefixtures("known_keys")
def test_before_the_tables_are_there_the_database_is_not_a_problem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE credentials_keycheck RENAME TO elsewhere")
    assert checks.check_database() == []
    checks.remember_keys()
    checks.refuse_to_start_when_misconfigured()


@pytest.mark.usefixtures("known_keys")
def test_a_pending_migration_of_a_sealed_column_is_not_a_problem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE credentials_credential DROP COLUMN secrets")
    assert checks.check_database() == []


@pytest.mark.usefixtures("known_keys")
def test_a_command_refuses_a_wrong_key(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = new_key("test-a")
    with pytest.raises((SystemCheckError, CommandError), match="E006"):
        call_command("rotate_keys", skip_checks=False)


# A database that does not answer


def not_answering() -> None:
    raise OperationalError("connection refused")


@pytest.fixture
def started_without_a_database(
    known_keys: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The process started while the database was down; now the database is back and nobody has connected yet."""
    connection.close()
    with monkeypatch.context() as outage:
        outage.setattr(connection, "ensure_connection", not_answering)
        checks.refuse_to_start_when_misconfigured()
    yield
    connection_created.disconnect(dispatch_uid=checks.DEFERRED)


@pytest.mark.usefixtures("started_without_a_database")
def test_a_wrong_key_gets_no_connection_when_the_database_is_back_after_the_start(settings: Settings) -> None:
    right = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = new_key("test-a")
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match="E006"):
            Credential.objects.count()
    settings.CREDENTIAL_KEYS = right
    assert Credential.objects.count() == 0


@pytest.mark.usefixtures("started_without_a_database")
def test_the_right_key_is_verified_once_when_the_database_is_back(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = f"{new_key('newer')},{settings.CREDENTIAL_KEYS}"
    assert Credential.objects.count() == 0
    assert KeyCheck.objects.filter(key_id="newer").exists()
    assert not connection_created.disconnect(dispatch_uid=checks.DEFERRED)


@pytest.mark.usefixtures("started_without_a_database")
def test_a_connection_that_is_lost_at_once_leaves_the_check_to_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lost:
        lost.setattr(connection, "is_usable", lambda: False)
        connection.connect()
    connection.close()
    settings.CREDENTIAL_KEYS = new_key("test-a")
    with pytest.raises(ImproperlyConfigured, match="E006"):
        Credential.objects.count()


# Real processes


class Installation:
    """A migrated installation on scratch data, and what its processes answer."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "botaccounts.sqlite3"
        self.key = new_key("first")
        self.env = scratch_environment(
            SECRET_KEY=secrets.token_urlsafe(48),
            CREDENTIAL_KEYS=self.key,
            DATABASE_URL=f"sqlite:///{self.database}",
            VAR_DIR=str(folder),
            DJANGO_SETTINGS_MODULE="botaccounts.settings",
        )
        assert self.run(["manage.py", "migrate", "--verbosity", "0"]).returncode == 0

    def run(self, arguments: list[str], **env: str) -> subprocess.CompletedProcess[str]:
        return preloaded.run(arguments, {**self.env, **env})

    def content(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as database:
            return list(database.iterdump())


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installation"))


@pytest.mark.parametrize(
    "process", [WEB, WORKER, BEAT, COMMAND, MIGRATE], ids=["web", "worker", "beat", "command", "migrate"]
)
@pytest.mark.parametrize(
    ("keys", "said"),
    [("", "E001"), ("first:malformed", "E001"), ("ANOTHER", "E006")],
    ids=["missing", "malformed", "wrong"],
)
def test_promise_28_no_process_starts_with_a_missing_malformed_or_wrong_key(
    installation: Installation, process: list[str], keys: str, said: str
) -> None:
    before = installation.content()
    done = installation.run(process, CREDENTIAL_KEYS=new_key("first") if keys == "ANOTHER" else keys)
    assert done.returncode != 0
    assert said in done.stderr + done.stdout
    assert installation.content() == before


def test_a_key_is_made_where_nothing_is_configured(tmp_path: Path) -> None:
    done = preloaded.run(["manage.py", "generate_key"], scratch_environment(VAR_DIR=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert parse_keys(done.stdout)


def test_an_empty_database_is_migrated_and_remembers_the_key(installation: Installation, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.sqlite3"
    done = installation.run(["manage.py", "migrate", "--verbosity", "0"], DATABASE_URL=f"sqlite:///{fresh}")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(fresh)) as database:
        assert database.execute("SELECT key_id FROM credentials_keycheck").fetchall() == [("first",)]


def test_the_web_server_starts_while_the_database_is_down(installation: Installation) -> None:
    done = installation.run(WEB, DATABASE_URL=f"postgres://nobody@127.0.0.1:{free_port()}/nothing")
    assert done.returncode == 0, done.stderr
    assert "the keys are verified when it does" in done.stderr


def test_a_connection_of_the_check_is_not_handed_to_what_the_server_forks(installation: Installation) -> None:
    script = "import botaccounts.wsgi; from django.db import connection; print(connection.connection)"
    done = installation.run(["-c", script])
    assert done.stdout.strip() == "None", done.stderr
