"""The shape of `docs/operations.md` on one machine: behind nginx with TLS, several processes, PostgreSQL and Redis.

`make production` runs every walk of this folder against it; here is what only this shape can show.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.journeys import Stage, Visitor, bot_token, set_the_stage
from tests.support.nginx import listens
from tests.support.processes import wait_until
from tests.support.product import Factory
from tests.support.production import Production, bring_up
from tests.support.sandbox_server import Sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def production(
    request: pytest.FixtureRequest, product_factory: Factory, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    redis_server = request.getfixturevalue("redis_server")
    redis_server.flush()
    folder = tmp_path_factory.mktemp("production")
    built = bring_up(product_factory, redis_server.url, folder, env={"OUTBOUND_ALLOW": sandbox.host_and_port})
    yield built
    built.nginx.stop()
    product_factory.retire(built.product)


@pytest.fixture(scope="module")
def stage(production: Production) -> Stage:
    return set_the_stage(production.product)


@pytest.fixture(autouse=True)
def trusted(production: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all authorities, the visitors know the one of this run."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(production.authorities))


def test_a_credential_is_added_authorized_and_served_and_a_dead_web_process_goes_unnoticed(
    production: Production, stage: Stage, sandbox: Sandbox
) -> None:
    product = production.product
    alice = Visitor(product.url, stage).sign_in()
    added = alice.add_authorized(sandbox)
    assert added.redirect_uri.startswith(f"{product.url}/oauth2/callback/")
    product.kill("web.1")
    wait_until(lambda: not listens(urlsplit(product.urls[0]).port or 0), seconds=10, what="the end of a web process")
    for _ in range(6):
        assert bot_token(product.url, stage, added.credential_id).status_code == 200
    product.start("web.1")


def test_cookies_and_headers_are_those_of_tls(production: Production, stage: Stage) -> None:
    alice = Visitor(production.product.url, stage).sign_in()
    cookies = {cookie.name: cookie for cookie in alice.session.cookies}
    assert set(cookies) >= {"__Host-session", "__Host-csrf"}
    assert all(cookie.secure for cookie in cookies.values())
    page = alice.get("/organizations/")
    assert int(page.headers["Strict-Transport-Security"].partition("max-age=")[2].partition(";")[0]) >= 31_536_000


def test_32_a_forged_address_does_not_let_anybody_guess_on(production: Production, stage: Stage) -> None:
    eve = Visitor(production.product.url, stage, "dana")

    def guess(number: int) -> requests.Response:
        eve.session.headers["X-Forwarded-For"] = f"203.0.113.{number}"
        return eve.post("/accounts/login/", {"username": "dana", "password": f"canary-wrong-{number}"})

    answers = [guess(number) for number in range(6)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code in (403, 429)
    assert "203.0.113" not in production.product.manage("shell", "--verbosity", "0", "-c", FAILURES)


FAILURES = """
from axes.models import AccessAttempt
print([each.ip_address for each in AccessAttempt.objects.all()])
"""


def test_the_product_is_ready_behind_it_and_an_unknown_host_is_refused(production: Production) -> None:
    url = production.product.url
    wait_until(lambda: requests.get(f"{url}/health/ready", timeout=5).status_code == 200, seconds=20, what="ready")
    assert requests.get(f"{url}/", headers={"Host": "evil.example"}, timeout=5).status_code == 400
