"""No secret of a credential is where it should not be, after success and after every kind of failure.

Promises 22, 23 and 25. Each test searches one kind of place; `haunting.py` says what was done before.
"""

import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.security.crawler import crawl, page_and_not_search
from tests.security.haunting import FAILURES, Haunted, enter, haunt
from tests.security.haunting_consumers import haunt_consumers
from tests.security.haunting_other_types import haunt_other_types
from tests.security.messages import queue_of, task_arguments
from tests.support.databases import redis_keys
from tests.support.inside import command, in_product
from tests.support.lying_server import LyingServer
from tests.support.people import PASSWORD
from tests.support.processes import ROOT, find_program
from tests.support.product import Factory
from tests.support.remains import dump, files
from tests.support.second_factor import enrol

# The first test of each kind waits until everything has been done, on a busy machine for minutes.
pytestmark = pytest.mark.timeout(420)

_SUPERUSER = "from tests.support.people import person\nroot = person('root')\n"
_SUPERUSER += "root.is_staff = root.is_superuser = True\nroot.save()"
_SESSIONS = """
import json
from django.contrib.sessions.models import Session
print(json.dumps([session.get_decoded() for session in Session.objects.all()]))
"""


@pytest.fixture(scope="module")
def database() -> str:
    """`test_canary_on_postgres.py` says another one, and runs the same tests."""
    return "sqlite"


@pytest.fixture(scope="module")
def haunted(request: pytest.FixtureRequest, product_factory: Factory, database: str) -> Iterator[Haunted]:
    """A product on SQLite with a broker of files, or one on PostgreSQL with Redis."""
    resource = LyingServer()
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("scratch")
    env = {"OUTBOUND_ALLOW": resource.allow_entry, "TMPDIR": str(folder), "SCRATCH": str(folder)}
    if database == "postgres":
        redis_server = request.getfixturevalue("redis_server")
        redis_server.flush()
        product = product_factory(database="postgres", redis_url=redis_server.url, env=env)
    else:
        product = product_factory(env=env)
    try:
        with in_product(product) as python:
            haunted = enter(product, python, resource)
            haunt(haunted)
            haunt_other_types(haunted, haunted.visitor("alice"))
            haunt_consumers(haunted)
            yield haunted
    finally:
        resource.stop()
        product_factory.retire(product)


def test_the_canaries_did_fly(haunted: Haunted) -> None:
    """What follows would prove nothing if the secrets had not gone all these ways."""
    flown = {canary.name for canary in haunted.cage.canaries}
    assert flown >= {
        "API key",
        "NLU access token",
        "Watson password",
        "ID token",
        "access token",
        "client secret",
        "consumer's PKCE verifier",
        "consumer's access token",
        "consumer's code",
        "consumer's code that was not redeemed",
        "consumer's cookie",
        "consumer's refresh token",
        "consumer's state",
        "handle of a link",
        "keystore password",
        "line of a keystore's key",
        "mistyped keystore password",
        "identity provider's client secret",
        "nonce of an ID token",
        "verifier of the brand's page",
        "code",
        "code that was not redeemed",
        "mistyped password",
        "PKCE verifier",
        "refresh token",
        "secret in a draft",
        "secret in an edit",
        "service token",
        "spilled access token",
        "token beside an error",
        "typed access token",
        "user password",
        "webhook secret",
    }
    received = b" ".join(request.body for request in haunted.resource.requests if request.path == "/token").decode()
    assert received.count("grant_type=authorization_code") >= 2 * len(FAILURES)
    # Each of them by both grants, at the exchange and at the renewal.
    for name in FAILURES:
        met = {grant: haunted.met[name, grant] for grant in ("authorization_code", "refresh_token")}
        assert met == {"authorization_code": 1, "refresh_token": 1}, name
        assert haunted.met[name, "client_credentials"] == 2, name
    sent = {"what the resource received": received}
    assert {sighting.partition(": ")[2] for sighting in haunted.cage.sightings(sent)} >= {
        "client secret",
        "code",
        "PKCE verifier",
        "refresh token",
    }
    consumers = [request for request in haunted.resource.requests if request.path == "/idp/token"]
    assert [request.form["grant_type"] for request in consumers].count("refresh_token") >= len(FAILURES) + 1
    assert [request.form["grant_type"] for request in consumers].count("authorization_code") >= 3 * len(FAILURES) + 3


def test_promise_22_no_secret_is_in_a_file_of_the_product(haunted: Haunted) -> None:
    """The SQLite file with its write-ahead log, the broker's folder, beat's schedule, and every process's log."""
    kept = files(haunted.product.folder)
    assert any(name.startswith("log/web.1") for name in kept)
    assert any(name.startswith("log/worker.1") and b"exchange_code" in content for name, content in kept.items())
    if not haunted.product.env["REDIS_URL"]:
        database = kept["var/botaccounts.sqlite3"] + kept.get("var/botaccounts.sqlite3-wal", b"")
        assert b"By code" in database
        assert b"v1:" in database
    assert haunted.cage.sightings(kept) == []


def test_promise_22_no_secret_is_in_a_temporary_file(haunted: Haunted) -> None:
    assert haunted.cage.sightings(files(Path(haunted.product.env["SCRATCH"]))) == []


def test_promise_22_no_secret_is_in_a_dump_of_postgresql(haunted: Haunted) -> None:
    url = haunted.product.env["DATABASE_URL"]
    if not url.startswith("postgres"):
        assert url.startswith("sqlite")  # its file is searched above
        return
    dumped = dump(url)
    assert b"By code" in dumped
    assert b"v1:" in dumped
    assert haunted.cage.sightings({"pg_dump": dumped}) == []


def test_promise_24_no_secret_is_in_the_queue_and_tasks_carry_ids_alone(haunted: Haunted) -> None:
    arguments = task_arguments(haunted.queued)
    assert arguments, "the queue was empty"
    assert all(uuid.UUID(argument) for each in arguments for argument in each)
    assert haunted.cage.sightings(haunted.queued) == []
    assert haunted.cage.sightings(dict(queue_of(haunted.product))) == []


def test_promise_22_no_secret_is_in_redis(haunted: Haunted) -> None:
    url = haunted.product.env["REDIS_URL"]
    assert haunted.cage.sightings(dict(redis_keys(url)) if url else {}) == []


def test_promise_22_no_secret_is_in_a_session(haunted: Haunted) -> None:
    sessions = haunted.python(_SESSIONS)
    assert "_auth_user_id" in sessions
    assert haunted.cage.sightings({"sessions": sessions}) == []


def test_promise_22_no_secret_is_in_a_page_that_alice_can_reach(haunted: Haunted) -> None:
    alice = haunted.visitor("alice")
    url = haunted.product.url
    starts = [f"{url}/", *haunted.progress_pages]
    pages = crawl(alice.session, starts, within=url, wanted=page_and_not_search)
    reached = " ".join(pages)
    for part in ("/edit/", "/delete/", "/add/", "/activity/", "/service-tokens/", "/authorizations/", "/integrations/"):
        assert part in reached
    assert haunted.cage.sightings(pages) == []


def test_promise_22_no_secret_is_in_a_page_that_came_back_with_an_error(haunted: Haunted) -> None:
    assert len(haunted.pages) >= 9
    assert haunted.cage.sightings(haunted.pages) == []


def test_promise_22_no_secret_is_in_an_error_of_the_api(haunted: Haunted) -> None:
    assert len(haunted.errors) >= 7 * len(FAILURES)
    assert haunted.cage.sightings(haunted.errors) == []


def test_promise_22_no_secret_is_in_a_file_of_the_repository(haunted: Haunted) -> None:
    listed = [find_program("git"), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True, timeout=60).stdout.split("\0")
    content = {name: (ROOT / name).read_bytes() for name in names if name and (ROOT / name).is_file()}
    assert "manage.py" in content
    assert haunted.cage.sightings(content) == []


def test_promise_25_dumpdata_shows_no_secret(haunted: Haunted) -> None:
    dumped = haunted.python(command("dumpdata"))
    assert "By code" in dumped
    assert haunted.cage.sightings({"dumpdata": dumped}) == []


def test_promise_25_no_page_of_the_django_admin_shows_a_secret_or_an_envelope(haunted: Haunted) -> None:
    haunted.python(_SUPERUSER)
    root = haunted.visitor("root")
    assert root.stage.password == PASSWORD
    enrol(root)
    admin = f"{haunted.product.url}/admin/"
    pages = crawl(root.session, [admin], within=admin, wanted=a_few_of_each_model())
    for part in ("/credentials/credential/", "/credentials/oauthtoken/", "/credentials/tokenattempt/", "/change/"):
        assert part in " ".join(pages)
    assert haunted.cage.sightings(pages) == []
    assert [url for url, page in pages.items() if "v1:" in page] == []


def a_few_of_each_model(few: int = 6) -> Callable[[str], bool]:
    """For the admin: lists and forms of all models, but of their rows only the first few pages."""
    rows: Counter[str] = Counter()

    def wanted(url: str) -> bool:
        if "?" in url or "/logout" in url:
            return False
        model, is_row = re.subn(r"/[^/]*[0-9][^/]*/(change|history|delete)/$", "", url)
        rows[model] += is_row
        return not is_row or rows[model] <= few

    return wanted
