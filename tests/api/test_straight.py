"""Bots' calls go straight to their view; what pages need is not done for them, and what protects is."""

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client

from tests.api.conftest import Caller
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


def test_a_forged_host_is_refused(bot: Caller) -> None:
    headers = {"Authorization": f"Bearer {bot.token}"}
    assert bot.client.get("/api/v1/credentials", headers=headers, HTTP_HOST="evil.example").status_code == 400


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
