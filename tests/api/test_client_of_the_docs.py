"""What docs/api.md gives bots to copy works as it stands there: against a served product and the sandbox resource."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from credentials.models import Credential
from credentials.services.refresh import Outcome, refresh
from organizations.audit import Actor
from organizations.models import AuditEntry, Organization
from tests.api.conftest import Caller
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.journeys import token_of
from tests.support.lying_server import Answer, LyingServer, Recorded, json_answer, redirect_answer
from tests.support.people import Cast
from tests.support.processes import find_program
from tests.support.sandbox_server import Sandbox

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
SERVED = pytest.mark.django_db(transaction=True)


def blocks(language: str, section: str = "") -> list[str]:
    text = DOCS.read_text().partition(section)[2] if section else DOCS.read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def given() -> dict[str, Any]:
    """The names that the first block of Python defines."""
    names: dict[str, Any] = {}
    exec(blocks("python", "## With Python")[0], names)  # noqa: S102 - our own documentation
    return names


@pytest.fixture
def waited(given: dict[str, Any]) -> list[float]:
    """How long the client slept, which it does not."""
    slept: list[float] = []
    clock = given["time"]
    given["time"] = SimpleNamespace(time=clock.time, monotonic=clock.monotonic, sleep=slept.append)
    return slept


@pytest.fixture
def at_sandbox(cast: Cast, sandbox: Sandbox, settings: Any) -> Credential:
    settings.OUTBOUND_ALLOW = [sandbox.host_and_port]
    application = sandbox.register_application(grant="client-credentials")
    made = make_credential(cast.organization, token_url=sandbox.token_url)
    made.payload |= {"client_id": application.client_id}
    made.seal("secrets", {"client_secret": application.client_secret})
    made.save()
    give_token(made, expires_in=timedelta(seconds=-1), refresh_token="")
    return made


def test_the_client_is_short_enough_to_be_copied() -> None:
    code = blocks("python", "## With Python")[0].partition("class ")[2].splitlines()
    assert len([line for line in code if line.strip()]) <= 30


@SERVED
def test_the_client_fetches_a_token_keeps_it_and_fetches_once_more_where_it_is_turned_down(
    given: dict[str, Any],
    at_sandbox: Credential,
    cast: Cast,
    sandbox: Sandbox,
    live_server: LiveServer,
    caller_of: Callable[[Organization], Caller],
) -> None:
    given |= {
        "PUBLIC_URL": live_server.url,
        "SERVICE_TOKEN": caller_of(cast.organization).token,
        "CREDENTIAL_ID": at_sandbox.pk,
        "ORDER_URL": f"{sandbox.url}/api/orders/A-1001",
    }
    exec(blocks("python", "## With Python")[1], given)  # noqa: S102 - our own documentation
    assert given["order"].json()["order"] == "A-1001"
    auth = given["auth"]
    served = AuditEntry.objects.filter(action="token.served")
    assert requests.get(given["ORDER_URL"], auth=auth, timeout=30).status_code == 200
    assert served.count() == 1

    sandbox.expire(str(at_sandbox.payload["client_id"]))
    # Nobody has a newer one: the answer stays what it is, and nothing goes round in circles.
    assert requests.get(given["ORDER_URL"], auth=auth, timeout=30).status_code == 401
    assert served.count() == 2
    generation = token_of(at_sandbox).generation
    assert refresh(at_sandbox.pk, actor=Actor.worker(), instead_of=generation) is Outcome.RENEWED
    assert requests.get(given["ORDER_URL"], auth=auth, timeout=30).status_code == 200
    assert served.count() == 3


@SERVED
def test_the_lines_for_curl_work(
    at_sandbox: Credential,
    cast: Cast,
    sandbox: Sandbox,
    live_server: LiveServer,
    caller_of: Callable[[Organization], Caller],
) -> None:
    find_program("curl")
    integration = make_integration(
        cast.organization, f"{sandbox.url}/api/orders/{{$botContext.orderId}}", credential=at_sandbox
    )
    given = {
        "PUBLIC_URL": live_server.url,
        "SERVICE_TOKEN": caller_of(cast.organization).token,
        "CREDENTIAL_ID": str(at_sandbox.pk),
        "INTEGRATION_ID": str(integration.pk),
    }
    (lines,) = blocks("sh")
    done = subprocess.run(
        ["sh", "-ec", lines.replace("\n\n", "\necho\n")],
        env={**os.environ, **given, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    token, called = (json.loads(line) for line in done.stdout.splitlines())
    assert token["token_type"] == "Bearer"
    assert (called["success"], json.loads(called["body"])["order"]) == (True, "A-1001")


def answer_with(token: str, *, ends_in: float | None = 3600) -> Answer:
    ends = None if ends_in is None else (datetime.now(UTC) + timedelta(seconds=ends_in)).isoformat()
    return json_answer({"access_token": token, "token_type": "Bearer", "expires_at": ends, "scope": None})


def wants(token: str) -> Callable[[Recorded], Answer]:
    """A resource that accepts one token."""

    def resource(request: Recorded) -> Answer:
        return Answer(status=200 if request.headers.get("authorization") == f"Bearer {token}" else 401)

    return resource


def auth_at(given: dict[str, Any], server: LyingServer, **how: Any) -> Any:
    return given["BotAccountsAuth"](server.url("").rstrip("/"), "a-service-token", "c-1", **how)


PATH = "/api/v1/credentials/c-1/token"


def fetched(server: LyingServer) -> list[Recorded]:
    return [request for request in server.requests if request.path == PATH]


def test_a_503_is_waited_for_as_long_as_it_says(
    given: dict[str, Any], waited: list[float], lying_server: LyingServer
) -> None:
    busy = Answer(status=503, headers={"Retry-After": "7"})
    lying_server.on(PATH, busy, busy, answer_with("t-1"))
    lying_server.on("/orders", wants("t-1"))
    auth = auth_at(given, lying_server, consumer="customer-42")
    assert requests.get(lying_server.url("/orders"), auth=auth, timeout=30).status_code == 200
    assert waited == [7, 7]
    assert json.loads(fetched(lying_server)[0].body) == {"consumer": "customer-42"}
    assert fetched(lying_server)[0].headers["authorization"] == "Bearer a-service-token"


def test_longer_than_its_patience_it_does_not_wait(
    given: dict[str, Any], waited: list[float], lying_server: LyingServer
) -> None:
    lying_server.on(PATH, Answer(status=503, headers={"Retry-After": "61"}))
    with pytest.raises(requests.HTTPError):
        requests.get(lying_server.url("/orders"), auth=auth_at(given, lying_server), timeout=30)
    assert waited == []


@pytest.mark.parametrize("said", [{}, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}], ids=["nothing", "a date"])
@pytest.mark.parametrize("status", [502, 503])
def test_a_failure_that_does_not_say_how_many_seconds_is_not_waited_for(
    given: dict[str, Any], waited: list[float], lying_server: LyingServer, status: int, said: dict[str, str]
) -> None:
    """It is a proxy's."""
    lying_server.on(PATH, Answer(status=status, headers=said, body=b"no healthy upstream"))
    with pytest.raises(requests.HTTPError, match="no healthy upstream"):
        requests.get(lying_server.url("/orders"), auth=auth_at(given, lying_server), timeout=30)
    assert waited == []


def test_a_refusal_is_told_in_the_words_of_the_api(given: dict[str, Any], lying_server: LyingServer) -> None:
    refusal = {"error": "needs_authorization", "detail": "It has not been authorized yet."}
    lying_server.on(PATH, json_answer(refusal, status=409))
    with pytest.raises(requests.HTTPError, match="It has not been authorized yet"):
        requests.get(lying_server.url("/orders"), auth=auth_at(given, lying_server), timeout=30)


@pytest.mark.parametrize(("ends_in", "fetches"), [(3600, 1), (None, 1), (-1, 2)])
def test_a_token_is_kept_until_it_ends(
    given: dict[str, Any], lying_server: LyingServer, ends_in: float | None, fetches: int
) -> None:
    lying_server.on(PATH, answer_with("t-1", ends_in=ends_in))
    lying_server.on("/orders", wants("t-1"))
    auth = auth_at(given, lying_server)
    for _ in range(2):
        assert requests.get(lying_server.url("/orders"), auth=auth, timeout=30).status_code == 200
    assert len(fetched(lying_server)) == fetches


def test_a_request_that_is_turned_down_is_repeated_once_with_its_body(
    given: dict[str, Any], lying_server: LyingServer
) -> None:
    lying_server.on(PATH, answer_with("t-1"), answer_with("t-2"))
    lying_server.on("/orders", wants("t-2"))
    answer = requests.post(lying_server.url("/orders"), data=b"x", auth=auth_at(given, lying_server), timeout=30)
    assert answer.status_code == 200
    assert [request.body for request in lying_server.requests if request.path == "/orders"] == [b"x", b"x"]


def test_a_token_does_not_follow_a_redirect_to_another_host(
    given: dict[str, Any], lying_server: LyingServer, serve: Callable[..., LyingServer]
) -> None:
    elsewhere = serve()
    elsewhere.answers(Answer(status=401))
    lying_server.on(PATH, answer_with("t-1"), answer_with("t-2"))
    lying_server.on("/orders", redirect_answer(elsewhere.url("/orders", host="localhost")))
    auth = auth_at(given, lying_server)
    assert requests.get(lying_server.url("/orders"), auth=auth, timeout=30).status_code == 401
    assert [request.headers.get("authorization") for request in elsewhere.requests] == [None]
    assert len(fetched(lying_server)) == 1
