"""Bots' calls go straight to their view; what pages need is not done for them, and what protects is."""

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client

from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def test_an_answer_is_protected_like_a_page(bot: Caller) -> None:
    for answer in (bot.get("credentials"), bot.get("nothing")):
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["Content-Length"] == str(len(answer.content))


# A parameter more than Django reads.
TOO_MANY = "a=1&" * 1000 + "a=1"


@pytest.mark.parametrize("with_token", [True, False])
@pytest.mark.parametrize("https_only", [True, False])
@pytest.mark.parametrize("address", ["/api/v1/credentials", "/api/v1/nothing"])
def test_a_forged_host_is_refused_in_the_words_of_the_api(
    bot: Caller, settings: object, address: str, with_token: bool, https_only: bool
) -> None:
    settings.SECURE_SSL_REDIRECT = https_only  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {bot.token}"} if with_token else {}
    answer = Client().get(address, headers=headers, HTTP_HOST="evil.example")
    assert "evil" not in assert_refused(answer, 400, "invalid_request")
    assert answer["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("with_token", [True, False])
def test_an_address_that_cannot_be_read_is_refused_in_the_apis_shape(bot: Caller, with_token: bool) -> None:
    headers = {"Authorization": f"Bearer {bot.token}"} if with_token else {}
    assert_refused(Client().get(f"/api/v1/credentials?{TOO_MANY}", headers=headers), 400, "invalid_request")


@pytest.mark.parametrize("address", ["/accounts/login/", "/api/v1", "/api/v2/credentials"])
def test_a_person_sees_a_page_instead(client: Client, address: str) -> None:
    answer = client.get(address, HTTP_HOST="evil.example")
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "The request was not understood" in answer.content.decode()
    assert "evil" not in answer.content.decode()


def test_http_is_sent_to_https_where_the_product_is_served_so(bot: Caller, settings: object) -> None:
    settings.SECURE_SSL_REDIRECT = True  # type: ignore[attr-defined]
    answer = Client().get("/api/v1/credentials", headers={"Authorization": f"Bearer {bot.token}"})
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/api/v1/credentials")


def test_sessions_and_their_kin_are_for_pages(bot: Caller, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    through = SessionMiddleware.process_request

    def seen(self: SessionMiddleware, request: object) -> None:
        passed.append(request.path)  # type: ignore[attr-defined]
        through(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(SessionMiddleware, "process_request", seen)
    headers = {"Authorization": f"Bearer {bot.token}"}
    client = Client()
    client.get("/api/v1/credentials", headers=headers)
    assert passed == []
    client.get("/accounts/login/", headers=headers)
    client.get("/api/v1/openapi.json")
    assert passed == ["/accounts/login/", "/api/v1/openapi.json"]
