"""The documentation as a page: everything that the document says, for people, and nothing from another host."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from credentials.api.codes import BY_CALL, codes_of
from tests.support.people import Cast
from tests.support.windows import window, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client) -> Any:
    answer = client.get("/api/v1/docs")
    assert answer.status_code == 200
    return answer


def test_every_call_stands_there_with_its_members_and_refusals(page: Any, client: Client) -> None:
    text = page.content.decode()
    for path, calls in client.get("/api/v1/openapi.json").json()["paths"].items():
        for method, call in calls.items():
            section = text.partition(f'id="{call["operationId"]}"')[2].partition("</section>")[0]
            assert path in section
            assert method.upper() in section
            for code in codes_of(call["operationId"], method):
                assert f'{code.status} <code class="break">{code.error}</code>' in " ".join(section.split())
    assert text.count("<section") == len(BY_CALL)
    told = words(page)
    assert "variables object optional" in told
    assert "expires_at date-time or null" in told
    assert "status active | needs_authorization | authorizing | failed" in told


def test_nothing_comes_from_another_host_and_nothing_is_inline(page: Any) -> None:
    text = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)", text)
    assert not re.search(r"<link(?![^>]*\bhref=\"/static/)", text)
    assert not re.search(r"<img(?![^>]*\bsrc=\"/static/)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<iframe", text)
    assert "script-src 'self'" in page["Content-Security-Policy"]


def test_it_is_linked_from_the_service_tokens_and_leads_to_the_document(page: Any, cast: Cast) -> None:
    tokens = window(cast.alice).get(reverse("organizations:service-tokens", args=[cast.organization.pk]))
    assert f'href="{reverse("api-docs")}"' in tokens.content.decode()
    assert 'href="/api/v1/openapi.json"' in page.content.decode()


def test_it_shows_no_organization_and_no_person(page: Any, cast: Cast) -> None:
    assert cast.organization.name not in words(page)
    assert page.context is not None
    assert not page.cookies


def test_it_only_answers_to_looking(client: Client) -> None:
    assert client.post("/api/v1/docs").status_code == 405
    assert client.head("/api/v1/docs").status_code == 200
