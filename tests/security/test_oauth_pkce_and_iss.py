"""Promises 2 and 3: PKCE with S256, and the issuer of an answer compared as an exact string."""

import base64
import hashlib

import pytest
from django.contrib.sessions.models import Session

from credentials.models import Authorization, Credential
from credentials.models.credential import Status
from tests.security.conftest import token_requests
from tests.support.journeys import new_credential
from tests.support.lying_server import LyingServer, json_answer
from tests.support.people import Cast
from tests.support.windows import authorize, come_back, url, window, words, work

pytestmark = pytest.mark.django_db


def test_promise_02_the_verifier_at_the_token_endpoint_is_the_one_whose_hash_went_to_the_auth_url(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    sent = authorize(bob, credential)
    come_back(bob, credential, state=sent.state, code="canary-code")
    work()
    verifier = token_endpoint.requests[-1].form["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert sent.query["code_challenge"] == digest
    assert sent.query["code_challenge_method"] == "S256"
    assert 43 <= len(verifier) <= 128


def test_each_authorization_has_a_verifier_of_its_own(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    assert len({authorize(bob, credential).query["code_challenge"] for _ in range(5)}) == 5


def test_promise_02_the_verifier_is_in_no_page_cookie_session_or_plain_column(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    started = bob.post(url("authorize", credential))
    verifier = str(Authorization.objects.get().unseal("verifier"))
    stored = repr([list(model.objects.values()) for model in (Authorization, Session)])
    state = started["Location"].partition("state=")[2].partition("&")[0]
    arrived = come_back(bob, credential, state=state, code="canary-code")
    seen = [started, arrived, bob.get(arrived["Location"]), bob.get(url("detail", credential))]
    work()
    seen += [bob.get(arrived["Location"]), bob.get(url("detail", credential)), bob.get(url("edit", credential))]

    assert token_endpoint.requests[-1].form["code_verifier"] == verifier
    for response in seen:
        assert verifier not in response.content.decode() + str(response.headers) + str(response.cookies)
    assert verifier not in stored
    assert verifier not in str(dict(bob.session))


def test_code_and_verifier_are_erased_after_their_one_use(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    received = Authorization.objects.get()
    assert received.code
    assert received.verifier
    work()
    received.refresh_from_db()
    assert (received.code, received.verifier) == ("", "")


def test_promise_02_a_resource_owner_may_switch_pkce_off_for_one_credential(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    without = new_credential(cast, token_endpoint.url("/token"), name="Old provider", use_pkce=False)
    bob = window(cast.bob)
    sent = authorize(bob, without)
    come_back(bob, without, state=sent.state, code="canary-code")
    work()
    assert not {"code_challenge", "code_challenge_method"} & set(sent.query)
    assert "code_verifier" not in token_endpoint.requests[-1].form
    assert "code_challenge" in authorize(bob, credential).query


def test_the_right_issuer_is_accepted(
    cast: Cast, known_credential: Credential, token_endpoint: LyingServer, issuer: str
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, known_credential).state
    come_back(bob, known_credential, state=state, code="canary-code", iss=issuer)
    work()
    assert token_requests(token_endpoint) == 1


@pytest.mark.parametrize(
    "change", [lambda iss: f"{iss}/", str.upper, lambda iss: iss.replace("127.0.0.1", "localhost")]
)
def test_promise_03_another_issuer_is_refused_however_alike(
    cast: Cast, known_credential: Credential, token_endpoint: LyingServer, issuer: str, change: object
) -> None:
    refused(cast, known_credential, token_endpoint, iss=change(issuer))  # type: ignore[operator]


def test_promise_03_an_answer_without_issuer_is_refused_where_the_server_promises_one(
    cast: Cast, known_credential: Credential, token_endpoint: LyingServer
) -> None:
    refused(cast, known_credential, token_endpoint)


def test_an_empty_issuer_is_refused(cast: Cast, known_credential: Credential, token_endpoint: LyingServer) -> None:
    refused(cast, known_credential, token_endpoint, iss="")


def refused(cast: Cast, credential: Credential, server: LyingServer, **answer: str) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    arrived = come_back(bob, credential, state=state, code="canary-code", **answer)
    assert work() == token_requests(server) == 0
    assert Authorization.objects.get().error == "iss_mismatch"
    assert "The answer came from another server" in words(bob.get(arrived["Location"]))
    credential.refresh_from_db()
    assert credential.status == Status.FAILED


@pytest.mark.parametrize("answer", [{}, {"iss": "https://evil.example"}])
def test_promise_03_an_error_from_another_server_is_not_believed(
    cast: Cast, known_credential: Credential, answer: dict[str, str]
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, known_credential).state
    come_back(bob, known_credential, state=state, error="access_denied", error_description="Call this number", **answer)
    failed = Authorization.objects.get()
    assert (failed.error, failed.error_description) == ("iss_mismatch", "")


def test_an_error_of_the_right_server_is_told(cast: Cast, known_credential: Credential, issuer: str) -> None:
    bob = window(cast.bob)
    come_back(bob, known_credential, state=authorize(bob, known_credential).state, error="access_denied", iss=issuer)
    assert Authorization.objects.get().error == "access_denied"


@pytest.mark.parametrize(("iss", "requests"), [(None, 1), ("https://evil.example", 0)])
def test_a_server_that_promises_nothing_may_leave_the_issuer_out_but_not_name_another(
    cast: Cast, token_endpoint: LyingServer, iss: str | None, requests: int
) -> None:
    document = {
        "issuer": token_endpoint.url("").rstrip("/"),
        "authorization_endpoint": token_endpoint.url("/authorize"),
    }
    token_endpoint.on("/.well-known/openid-configuration", json_answer(document))
    credential = new_credential(cast, token_endpoint.url("/token"), auth_url=token_endpoint.url("/authorize"))
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    come_back(bob, credential, state=state, code="canary-code", **({"iss": iss} if iss else {}))
    work()
    assert token_requests(token_endpoint) == requests


def test_a_server_that_says_nothing_about_itself_can_still_be_used(
    cast: Cast, credential: Credential, token_endpoint: LyingServer
) -> None:
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code", iss="https://as.example")
    work()
    assert token_requests(token_endpoint) == 1
