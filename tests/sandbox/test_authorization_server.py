"""The sandbox as an authorization server: what the product's tests assume about it is true."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from credentials.oauth import pkce
from tests.support.sandbox_server import Application, Sandbox

REDIRECT_URI = "http://127.0.0.1:9/oauth2/callback/here/"
VERIFIER = "correct-horse-battery-staple-correct-horse-battery"


@pytest.fixture(scope="module")
def application(sandbox: Sandbox) -> Application:
    return sandbox.register_application("Code", redirect_uri=REDIRECT_URI)


def authorization_url(sandbox: Sandbox, application: Application, **changes: str | None) -> str:
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "read write offline",
        "state": "a-state",
        "code_challenge": pkce.challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{sandbox.authorization_url}?{urlencode(given)}"


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def token_request(sandbox: Sandbox, application: Application, **form: str) -> requests.Response:
    credentials = (application.client_id, application.client_secret)
    return requests.post(sandbox.token_url, data=form, auth=credentials, timeout=10)


def exchange(sandbox: Sandbox, application: Application, code: str, verifier: str = VERIFIER) -> requests.Response:
    return token_request(
        sandbox,
        application,
        grant_type="authorization_code",
        code=code,
        redirect_uri=REDIRECT_URI,
        code_verifier=verifier,
    )


def granted(sandbox: Sandbox, application: Application, **changes: str | None) -> dict[str, Any]:
    """The token endpoint's answer after the sample person consented."""
    code = query_of(sandbox.consent(authorization_url(sandbox, application, **changes)))["code"]
    answer = exchange(sandbox, application, code)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def order(sandbox: Sandbox, access_token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {access_token}"}
    return requests.get(f"{sandbox.url}/api/orders/A-1001", headers=headers, timeout=10)


def refresh(sandbox: Sandbox, application: Application, refresh_token: str) -> requests.Response:
    return token_request(sandbox, application, grant_type="refresh_token", refresh_token=refresh_token)


def test_a_consented_code_becomes_a_token_that_opens_the_api(sandbox: Sandbox, application: Application) -> None:
    token = granted(sandbox, application)
    answer = order(sandbox, token["access_token"])
    assert answer.status_code == 200
    assert answer.json()["user"] == sandbox.username
    assert answer.json()["client_id"] == application.client_id
    assert token["expires_in"] == sandbox.access_token_seconds


def test_a_refresh_replaces_both_tokens_and_ends_the_old_access_token(
    sandbox: Sandbox, application: Application
) -> None:
    first = granted(sandbox, application)
    second = refresh(sandbox, application, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert order(sandbox, second["access_token"]).status_code == 200
    assert order(sandbox, first["access_token"]).status_code == 401


def test_using_an_old_refresh_token_again_ends_the_whole_grant(sandbox: Sandbox, application: Application) -> None:
    first = granted(sandbox, application)
    second = refresh(sandbox, application, first["refresh_token"]).json()

    replayed = refresh(sandbox, application, first["refresh_token"])

    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert refresh(sandbox, application, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert order(sandbox, second["access_token"]).status_code == 401


def test_two_parallel_refreshes_with_one_token_end_the_grant(sandbox: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    application = sandbox.register_application("Racing", redirect_uri=REDIRECT_URI)
    first = granted(sandbox, application)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(sandbox, application, first["refresh_token"]), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert sandbox.stats(application.client_id).live_grants == 0


def test_without_the_offline_scope_no_refresh_token_is_issued(sandbox: Sandbox, application: Application) -> None:
    token = granted(sandbox, application, scope="read")
    assert "refresh_token" not in token
    assert token["scope"] == "read"


@pytest.mark.parametrize(
    "changes",
    [{"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"}],
    ids=["no challenge", "plain challenge"],
)
def test_a_code_is_not_given_without_an_s256_challenge(
    sandbox: Sandbox, application: Application, changes: dict[str, str | None]
) -> None:
    answer = query_of(sandbox.consent(authorization_url(sandbox, application, **changes)))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


def test_a_wrong_verifier_gets_no_token(sandbox: Sandbox, application: Application) -> None:
    code = query_of(sandbox.consent(authorization_url(sandbox, application)))["code"]
    answer = exchange(sandbox, application, code, verifier="another-verifier-another-verifier-another-one")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_wrong_client_secret_is_refused(sandbox: Sandbox, application: Application) -> None:
    code = query_of(sandbox.consent(authorization_url(sandbox, application)))["code"]
    answer = exchange(sandbox, Application(application.client_id, "wrong"), code)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_answers_carry_the_issuer_that_the_metadata_names(sandbox: Sandbox, application: Application) -> None:
    metadata = requests.get(f"{sandbox.url}/.well-known/oauth-authorization-server", timeout=10).json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["authorization_endpoint"] == sandbox.authorization_url
    assert metadata["token_endpoint"] == sandbox.token_url
    assert metadata["revocation_endpoint"] == sandbox.revocation_url
    assert metadata["code_challenge_methods_supported"] == ["S256"]

    good = query_of(sandbox.consent(authorization_url(sandbox, application)))
    refused = query_of(sandbox.consent(authorization_url(sandbox, application), allow=False))
    assert good["iss"] == refused["iss"] == metadata["issuer"] == sandbox.url


def test_cancel_sends_the_person_back_with_access_denied(sandbox: Sandbox, application: Application) -> None:
    location = sandbox.consent(authorization_url(sandbox, application), allow=False)
    assert location.startswith(REDIRECT_URI)
    answer = query_of(location)
    assert (answer["error"], answer["state"]) == ("access_denied", "a-state")
    assert "code" not in answer


@pytest.mark.parametrize("approval_prompt", [None, "auto"])
def test_consent_is_asked_every_time(sandbox: Sandbox, application: Application, approval_prompt: str | None) -> None:
    session = sandbox.sign_in()
    url = authorization_url(sandbox, application, approval_prompt=approval_prompt)
    code = query_of(sandbox.consent(url, session=session))["code"]
    assert exchange(sandbox, application, code).status_code == 200
    again = session.get(url, timeout=10, allow_redirects=False)
    assert again.status_code == 200
    assert "Authorize Code?" in again.text


def test_a_redirect_uri_that_was_not_registered_gets_nothing(sandbox: Sandbox, application: Application) -> None:
    url = authorization_url(sandbox, application, redirect_uri="http://127.0.0.1:9/elsewhere/")
    answer = sandbox.sign_in().get(url, timeout=10, allow_redirects=False)
    assert answer.status_code == 400
    assert "Sandbox resource cannot authorize this" in answer.text


def test_client_credentials_give_a_token_without_a_person(sandbox: Sandbox) -> None:
    application = sandbox.register_application("Machine", grant="client-credentials")
    answer = token_request(sandbox, application, grant_type="client_credentials", scope="read").json()
    assert "refresh_token" not in answer
    seen = order(sandbox, answer["access_token"]).json()
    assert (seen["user"], seen["client"], seen["scope"]) == (None, "Machine", "read")


def test_a_person_can_take_every_grant_back(sandbox: Sandbox) -> None:
    application = sandbox.register_application("Taken back", redirect_uri=REDIRECT_URI)
    token = granted(sandbox, application)
    sandbox.revoke(application.client_id)
    assert order(sandbox, token["access_token"]).status_code == 401
    assert refresh(sandbox, application, token["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_the_refresh_token_ends_the_grant(sandbox: Sandbox, application: Application) -> None:
    token = granted(sandbox, application)
    credentials = (application.client_id, application.client_secret)
    form = {"token": token["refresh_token"], "token_type_hint": "refresh_token"}
    assert requests.post(sandbox.revocation_url, data=form, auth=credentials, timeout=10).status_code == 200
    assert order(sandbox, token["access_token"]).status_code == 401


def test_stats_count_every_request_to_the_token_endpoint(sandbox: Sandbox) -> None:
    application = sandbox.register_application("Counted", redirect_uri=REDIRECT_URI)
    first = granted(sandbox, application)
    second = refresh(sandbox, application, first["refresh_token"]).json()
    seen = sandbox.stats(application.client_id)
    assert seen.token_requests == {"authorization_code": 1, "refresh_token": 1}
    assert (seen.refreshes, seen.live_grants, seen.live_access_tokens, seen.refused) == (1, 1, 1, {})

    refresh(sandbox, application, first["refresh_token"])
    seen = sandbox.stats(application.client_id)
    assert seen.token_requests["refresh_token"] == 2
    assert (seen.refreshes, seen.live_grants, seen.live_access_tokens) == (1, 0, 0)
    assert seen.refused == {"invalid_grant": 1}
    assert second["access_token"] not in sandbox.command("stats", "--json")
