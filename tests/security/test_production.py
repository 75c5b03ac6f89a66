"""Promise 40 in the shape of production: another process, whose environment is that of a host with TLS."""

import json
from typing import Any

import pytest

from tests.support.product import Factory

PUBLIC = "https://bots.example.com"
# One process for all of it: what each page answers over TLS, and what Django's own checks of a deployment say.
LOOK = """
import io, json
from django.core.management import call_command
from django.test import Client
from django.contrib.auth.models import User
User.objects.create_user("bob", password="correct horse battery staple")
said = io.StringIO()
call_command("check", deploy=True, fail_level="WARNING", stdout=said, stderr=said)
client = Client(headers={"host": "bots.example.com"})
over_tls = {"secure": True}
shown = client.get("/accounts/login/", **over_tls)
signed_in = client.post(
    "/accounts/login/",
    {"username": "bob", "password": "correct horse battery staple"},
    headers={"referer": "https://bots.example.com/accounts/login/"},
    **over_tls,
)
from credentials.browser import NONCE_COOKIE
from credentials.views.consumer import NONCE_COOKIE as CONSUMERS_COOKIE
print(json.dumps(
    {
        "check": said.getvalue(),
        "headers": dict(shown.headers),
        "plain": [client.get("/accounts/login/").status_code, client.get("/accounts/login/")["Location"]],
        "api": dict(client.get("/api/v1/credentials", headers={"Authorization": "Bearer x"}, **over_tls).headers),
        "admin": dict(client.get("/admin/", **over_tls).headers),
        "not found": dict(client.get("/nothing", **over_tls).headers),
        "signed in": signed_in.status_code,
        "cookies": {name: dict(morsel) for name, morsel in client.cookies.items()},
        "nonces": [NONCE_COOKIE, CONSUMERS_COOKIE],
    },
    default=str,
))
"""


@pytest.fixture(scope="module")
def production(product_factory: Factory) -> dict[str, Any]:
    product = product_factory(web=0, workers=0)
    over_tls = {"PUBLIC_URL": PUBLIC, "ALLOWED_HOSTS": "bots.example.com", "BEHIND_PROXY": "off", "DEBUG": "off"}
    answer: dict[str, Any] = json.loads(product.manage("shell", "--verbosity", "0", "--command", LOOK, **over_tls))
    return answer


def test_promise_40_the_checks_of_a_deployment_are_clean(production: dict[str, Any]) -> None:
    assert production["check"] == "System check identified no issues (0 silenced).\n"


def test_promise_40_a_browser_comes_back_over_tls_alone(production: dict[str, Any]) -> None:
    assert production["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert production["plain"] == [301, f"{PUBLIC}/accounts/login/"]


def test_promise_40_each_cookie_is_bound_to_this_host_and_to_tls(production: dict[str, Any]) -> None:
    assert production["signed in"] == 302
    assert set(production["cookies"]) == {"__Host-session", "__Host-csrf"}
    for name, cookie in production["cookies"].items():
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax"), name
    assert production["nonces"] == ["__Host-authorizing", "__Host-consumer"]


@pytest.mark.parametrize("page", ["headers", "api", "admin", "not found"])
def test_promise_40_nothing_unsafe_is_allowed_and_nobody_frames_it(production: dict[str, Any], page: str) -> None:
    policy = production[page]["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert production[page]["X-Frame-Options"] == "DENY"
