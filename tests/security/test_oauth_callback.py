"""Promises 8 to 10: what the callback does with the code, who may bring it, and what a hostile server says."""

import logging
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.utils import timezone

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.services import explain
from organizations.models import AuditEntry, Membership, Role
from tests.security.conftest import token_requests
from tests.support.lying_server import LyingServer, error_answer
from tests.support.people import Cast
from tests.support.windows import actions_about, authorize, callback_url, come_back, list_url, url, window, words, work

pytestmark = pytest.mark.django_db

CODE = "canary-code-0123456789"


def tells_nobody(response: HttpResponse) -> bool:
    """Whether the browser passes the address on to nobody and keeps no copy."""
    return response["Referrer-Policy"] == "no-referrer" and "no-store" in response["Cache-Control"]


def test_promise_09_the_callback_answers_303_to_a_clean_address(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    answer = come_back(bob, credential, state=authorize(bob, credential).state, code=CODE)
    assert answer.status_code == 303
    target = urlsplit(answer["Location"])
    assert (target.netloc, target.query, target.fragment) == ("", "", "")
    assert target.path == url("authorization", credential, Authorization.objects.get().pk)
    assert tells_nobody(answer)


@pytest.mark.parametrize("answer", [{"error": "access_denied"}, {"code": CODE, "iss": "https://evil.example"}, {}])
def test_an_answer_that_brings_no_token_ends_at_a_clean_address_too(
    cast: Cast, known_credential: Credential, answer: dict[str, str]
) -> None:
    bob = window(cast.bob)
    response = come_back(bob, known_credential, state=authorize(bob, known_credential).state, **answer)
    assert response.status_code == 303
    assert not urlsplit(response["Location"]).query
    assert tells_nobody(response)


def test_an_answer_without_code_and_error_is_told_as_such(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    response = come_back(bob, credential, state=authorize(bob, credential).state)
    assert "neither a code nor an error" in words(bob.get(response["Location"]))


def test_promise_09_a_refused_answer_shows_a_page_that_passes_the_code_on_to_nobody(
    cast: Cast, credential: Credential
) -> None:
    bob = window(cast.bob)
    response = come_back(bob, credential, state="made-up", code=CODE)
    assert response.status_code == 400
    assert tells_nobody(response)
    assert CODE not in response.content.decode() + str(response.headers)


def test_whoever_is_not_signed_in_is_not_sent_to_sign_in_with_the_code(cast: Cast, credential: Credential) -> None:
    state = authorize(window(cast.bob), credential).state
    response = come_back(window(), credential, state=state, code=CODE)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert CODE not in response.content.decode()
    assert state not in response.content.decode()
    assert tells_nobody(response)
    assert "You are not signed in" in words(response)


@pytest.mark.parametrize("method", ["post", "head", "put", "delete", "options"])
def test_the_callback_takes_get_alone(cast: Cast, credential: Credential, method: str) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    assert getattr(bob, method)(callback_url(credential), {"state": state, "code": CODE}).status_code == 405
    assert Authorization.objects.get().status == AuthorizationStatus.STARTED


def test_promise_09_the_code_is_in_no_log_and_no_audit_entry(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    come_back(window(), credential, state=state, code=CODE)
    come_back(bob, credential, state=state, code=CODE)
    work()
    come_back(bob, credential, state=state, code=CODE)
    assert token_endpoint.requests[-1].form["code"] == CODE
    assert caplog.records
    verifier = token_endpoint.requests[-1].form["code_verifier"]
    for secret in (CODE, state, "canary-client-secret", "canary-at-1", "canary-rt-1", verifier):
        assert secret not in caplog.text
        assert secret not in repr(list(AuditEntry.objects.values()))


HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "line breaks": "denied\r\nSet-Cookie: a=b\r\n\r\n2026-01-01 INFO everything is fine",
    "length": "denied " + "A" * 10_000,
    "control characters": "den\x00ied\x1b[31m\x07\u202eevil\u2028next",
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", ["error_description", "error"])
def test_promise_10_hostile_words_at_the_callback_come_out_harmless(
    cast: Cast, credential: Credential, caplog: pytest.LogCaptureFixture, said: str, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    bob = window(cast.bob)
    answer = {"error": "server_error", "error_description": "x", place: said}
    response = come_back(bob, credential, state=authorize(bob, credential).state, **answer)
    assert response.status_code == 303
    harmless(bob.get(response["Location"]), caplog, said)
    harmless(bob.get(url("detail", credential)), caplog, said)
    harmless(bob.get(list_url(cast.organization)), caplog, said)
    assert "Set-Cookie" not in response.headers or "a=b" not in str(response.cookies)


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_promise_10_hostile_words_of_the_token_endpoint_come_out_harmless(
    cast: Cast,
    credential: Credential,
    token_endpoint: LyingServer,
    caplog: pytest.LogCaptureFixture,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    token_endpoint.on("/token", error_answer("invalid_grant", said))
    bob = window(cast.bob)
    response = come_back(bob, credential, state=authorize(bob, credential).state, code="canary-code")
    work()
    harmless(bob.get(response["Location"]), caplog, said)
    harmless(bob.get(url("detail", credential)), caplog, said)
    harmless(bob.get(list_url(cast.organization)), caplog, said)


def harmless(page: HttpResponse, caplog: pytest.LogCaptureFixture, said: str) -> None:
    text = page.content.decode()
    assert page.status_code == 200
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "A" * 400 not in text
    assert not {"\x00", "\x1b", "\x07", "\u202e", "\u2028"} & set(text)
    stored = Authorization.objects.get()
    credential = Credential.objects.get(pk=stored.credential_id)
    for value in (stored.error, stored.error_description, credential.status_reason, credential.status_code):
        assert value.isprintable()
        assert len(value) <= 500
    for record in caplog.records:
        line = record.getMessage()
        assert len(line.splitlines()) <= 1
        assert said not in line
        assert "everything is fine" not in line


def test_the_providers_own_words_are_shown_beside_ours(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    answer = come_back(bob, credential, state=state, error="access_denied", error_description="Ask Mallory & sons.")
    assert "Access was declined at the resource (details: Ask Mallory & sons)." in words(bob.get(answer["Location"]))
    credential.refresh_from_db()
    assert credential.status == Status.NEEDS_AUTHORIZATION
    assert actions_about(credential.pk)[-2:] == ["authorization.started", "authorization.failed"]


# RFC 6749 §4.1.2.1 and §5.2, and RFC 8628 §3.5.
OF_PROVIDERS = {
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
}


@pytest.mark.parametrize("code", sorted({*explain.EXPLANATIONS, *explain.SAME_AS} - OF_PROVIDERS))
def test_a_provider_cannot_speak_in_our_words(cast: Cast, credential: Credential, code: str) -> None:
    bob = window(cast.bob)
    answer = come_back(bob, credential, state=authorize(bob, credential).state, error=code)
    assert f"The resource refused the request (details: {code})." in words(bob.get(answer["Location"]))
    credential.refresh_from_db()
    assert (credential.status, credential.status_code) == (Status.FAILED, "refused")


def take_role_away(cast: Cast) -> None:
    Membership.objects.filter(user=cast.bob).update(role=Role.VIEWER)


def remove_from_organization(cast: Cast) -> None:
    Membership.objects.filter(user=cast.bob).delete()


def disable(cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save()


@pytest.mark.parametrize(
    ("meanwhile", "status"), [(take_role_away, 403), (remove_from_organization, 404), (disable, 400)]
)
def test_whoever_lost_the_right_while_at_the_resource_is_refused(
    cast: Cast, credential: Credential, token_endpoint: LyingServer, meanwhile: object, status: int
) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    meanwhile(cast)  # type: ignore[operator]

    response = come_back(bob, credential, state=state, code=CODE)

    assert response.status_code == status
    assert tells_nobody(response)
    assert CODE not in response.content.decode()
    assert work() == token_requests(token_endpoint) == 0
    authorization = Authorization.objects.get()
    assert (authorization.status, authorization.code) == (AuthorizationStatus.STARTED, "")


def test_a_refusal_for_the_role_is_in_the_audit_log(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    state = authorize(bob, credential).state
    take_role_away(cast)
    come_back(bob, credential, state=state, code=CODE)
    assert AuditEntry.objects.filter(action="access.denied", actor_id=str(cast.bob.pk)).count() == 1


def test_the_progress_page_belongs_to_the_organization(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    answer = come_back(bob, credential, state=authorize(bob, credential).state, code=CODE)
    assert window(cast.charlie).get(answer["Location"]).status_code == 404
    assert window(cast.vic).get(answer["Location"]).status_code == 200


def test_an_answer_that_never_came_can_be_asked_for_again(cast: Cast, credential: Credential) -> None:
    bob = window(cast.bob)
    late = authorize(bob, credential).state
    Authorization.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    refusal = come_back(bob, credential, state=late, code=CODE)
    assert "more than 10 minutes ago" in words(refusal)
    assert url("detail", credential) in refusal.content.decode()
    assert come_back(bob, credential, state=authorize(bob, credential).state, code=CODE).status_code == 303
