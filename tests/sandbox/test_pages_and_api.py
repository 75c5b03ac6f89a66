"""The sandbox's pages and its protected API."""

import re

import pytest
import requests

from tests.support.sandbox_server import Sandbox, hidden_fields


@pytest.fixture(scope="module")
def machine_token(sandbox: Sandbox) -> str:
    application = sandbox.register_application("API", grant="client-credentials")
    form = {"grant_type": "client_credentials", "scope": "read write"}
    credentials = (application.client_id, application.client_secret)
    return str(requests.post(sandbox.token_url, data=form, auth=credentials, timeout=10).json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_api_refuses_a_call_without_a_token(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/api/orders/1", timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_api_refuses_a_token_in_the_query(sandbox: Sandbox, machine_token: str) -> None:
    assert requests.get(f"{sandbox.url}/api/orders/1?access_token={machine_token}", timeout=10).status_code == 401


def test_the_api_refuses_a_scope_too_small(sandbox: Sandbox) -> None:
    application = sandbox.register_application("Reader", grant="client-credentials")
    credentials = (application.client_id, application.client_secret)
    form = {"grant_type": "client_credentials", "scope": "read"}
    token = requests.post(sandbox.token_url, data=form, auth=credentials, timeout=10).json()["access_token"]
    answer = requests.post(f"{sandbox.url}/api/orders", json={}, headers=bearer(token), timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


def test_an_order_is_placed_with_201_and_comes_back(sandbox: Sandbox, machine_token: str) -> None:
    answer = requests.post(
        f"{sandbox.url}/api/orders", json={"item": "spade"}, headers=bearer(machine_token), timeout=10
    )
    assert answer.status_code == 201
    assert answer.json()["received"] == {"item": "spade"}


def test_an_order_that_is_no_json_object_is_refused(sandbox: Sandbox, machine_token: str) -> None:
    answer = requests.post(f"{sandbox.url}/api/orders", data="[1", headers=bearer(machine_token), timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_order")


def test_echo_shows_what_arrived_but_not_the_token(sandbox: Sandbox, machine_token: str) -> None:
    headers = {**bearer(machine_token), "X-Bot": "Bella"}
    answer = requests.get(f"{sandbox.url}/api/echo?a=1", headers=headers, timeout=10)
    assert answer.json()["query"] == {"a": "1"}
    assert answer.json()["headers"]["X-Bot"] == "Bella"
    assert machine_token not in answer.text


def test_an_expired_access_token_is_refused(sandbox: Sandbox) -> None:
    application = sandbox.register_application("Short", grant="client-credentials")
    credentials = (application.client_id, application.client_secret)
    form = {"grant_type": "client_credentials", "scope": "read"}
    token = requests.post(sandbox.token_url, data=form, auth=credentials, timeout=10).json()["access_token"]
    sandbox.expire(application.client_id)
    assert requests.get(f"{sandbox.url}/api/orders/1", headers=bearer(token), timeout=10).status_code == 401


def test_a_person_registers_an_application_and_sees_its_secret_once(sandbox: Sandbox) -> None:
    session = sandbox.sign_in()
    page = f"{sandbox.url}/o/applications/register/"
    form = {
        **hidden_fields(session.get(page, timeout=10).text),
        "name": "By hand",
        "authorization_grant_type": "client-credentials",
        "redirect_uris": "",
    }
    shown = session.post(page, data=form, headers={"Referer": page}, timeout=10)
    client_id = re.search(r'id="client-id">([^<]+)<', shown.text)
    secret = re.search(r'id="client-secret">([^<]+)<', shown.text)
    assert client_id
    assert secret
    assert shown.headers["Cache-Control"].find("no-store") >= 0

    answer = requests.post(
        sandbox.token_url,
        data={"grant_type": "client_credentials"},
        auth=(client_id.group(1), secret.group(1)),
        timeout=10,
    )
    assert answer.status_code == 200
    listed = session.get(f"{sandbox.url}/o/applications/", timeout=10).text
    assert "By hand" in listed
    (link,) = re.findall(r'href="(/o/applications/\d+/)">By hand<', listed)
    detail = session.get(f"{sandbox.url}{link}", timeout=10).text
    assert client_id.group(1) in detail
    assert secret.group(1) not in detail


def test_a_code_application_without_a_redirect_uri_is_not_registered(sandbox: Sandbox) -> None:
    session = sandbox.sign_in()
    page = f"{sandbox.url}/o/applications/register/"
    form = {
        **hidden_fields(session.get(page, timeout=10).text),
        "name": "Incomplete",
        "authorization_grant_type": "authorization-code",
        "redirect_uris": "",
    }
    shown = session.post(page, data=form, headers={"Referer": page}, timeout=10)
    assert shown.status_code == 200
    assert "redirect_uris cannot be empty" in shown.text
    assert 'id="client-secret"' not in shown.text


def test_its_cookies_have_names_of_their_own(sandbox: Sandbox) -> None:
    assert {cookie.name for cookie in sandbox.sign_in().cookies} == {"sandbox_session", "sandbox_csrf"}


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/health/live", "/static/sandbox/sandbox.css"])
def test_public_pages_answer(sandbox: Sandbox, path: str) -> None:
    assert requests.get(f"{sandbox.url}{path}", timeout=10).status_code == 200


def test_a_name_of_somebody_else_is_refused(sandbox: Sandbox) -> None:
    assert requests.get(sandbox.url, headers={"Host": "sandbox.example"}, timeout=10).status_code == 400
