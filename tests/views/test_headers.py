"""Promise 40: what each page tells the browser to refuse."""

import re

import pytest
from django.http import HttpResponse
from django.urls import reverse
from pytest_django.fixtures import Settings

from credentials.models import Credential
from tests.support.people import Cast
from tests.support.windows import authorize, callback_url, come_back, list_url, url, window

pytestmark = pytest.mark.django_db


def directives(response: HttpResponse) -> dict[str, list[str]]:
    parts = response["Content-Security-Policy"].split(";")
    return {words[0]: words[1:] for part in parts if (words := part.split())}


@pytest.fixture
def pages(cast: Cast, authorized: Credential) -> dict[str, HttpResponse]:
    """Every kind of page of a credential, and those for which something is wrong."""
    bob = window(cast.bob)
    progress = come_back(bob, authorized, state=authorize(bob, authorized).state, error="access_denied")["Location"]
    add = reverse("credentials:add", args=[cast.organization.pk])
    return {
        "list": bob.get(list_url(cast.organization)),
        "detail": bob.get(url("detail", authorized)),
        "edit": bob.get(url("edit", authorized)),
        "edit refused": bob.post(url("edit", authorized), {}),
        "delete": bob.get(url("delete", authorized)),
        "add": bob.get(add),
        "add refused": bob.post(add, {}),
        "progress": bob.get(progress),
        "callback refused": bob.get(callback_url(authorized)),
        "not found": window(cast.charlie).get(url("detail", authorized)),
        "forbidden": window(cast.vic).get(url("edit", authorized)),
        "other site": window(cast.bob, enforce_csrf_checks=True).post(url("delete", authorized)),
        "sign in": window().get("/accounts/login/"),
    }


def test_promise_40_scripts_and_styles_come_from_this_site_alone_and_nothing_is_inline(
    pages: dict[str, HttpResponse],
) -> None:
    for name, page in pages.items():
        policy = directives(page)
        assert policy["default-src"] == ["'none'"], name
        assert policy["script-src"] == policy["style-src"] == ["'self'"], name
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"], name
        assert "unsafe" not in page["Content-Security-Policy"], name
        text = page.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), name
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), name


def test_promise_40_no_page_is_framed_sniffed_or_opened_by_another(pages: dict[str, HttpResponse]) -> None:
    for name, page in pages.items():
        assert page["X-Frame-Options"] == "DENY", name
        assert page["X-Content-Type-Options"] == "nosniff", name
        assert page["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert page["Referrer-Policy"] in {"same-origin", "no-referrer"}, name


def test_promise_40_pages_about_a_secret_are_not_kept_by_the_browser(pages: dict[str, HttpResponse]) -> None:
    for name in ("detail", "edit", "edit refused", "delete", "add", "add refused", "progress", "callback refused"):
        assert "no-store" in pages[name]["Cache-Control"], name


def test_forms_end_here_or_at_a_resource_and_nowhere_without_protection(pages: dict[str, HttpResponse]) -> None:
    targets = directives(pages["detail"])["form-action"]
    assert set(targets[:2]) == {"'self'", "https:"}
    assert not {"http:", "*", "data:", "javascript:"} & set(targets)


def test_the_session_is_out_of_reach_of_scripts(cast: Cast, settings: Settings) -> None:
    client = window()
    client.post("/accounts/login/", {"username": "bob", "password": cast.password})
    for name in ("session", "csrf"):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]
