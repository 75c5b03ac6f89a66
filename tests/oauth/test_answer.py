"""Reading what a token endpoint said, whatever it is (promises 10, 12, 19, 20 and 36)."""

import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credentials.oauth.answer import MAX_LIFETIME_SECONDS, TokenSet, parse
from credentials.oauth.client import RawAnswer
from credentials.oauth.errors import OAuthFailure

JSON = {"content-type": "application/json"}


def raw(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> RawAnswer:
    text = body if isinstance(body, str) else json.dumps(body)
    return RawAnswer(status=status, headers={**JSON, **(headers or {})}, body=text)


def granted(**members: object) -> TokenSet:
    return parse(raw({"access_token": "canary-at-1", "token_type": "Bearer"} | members))


def failed(body: object, **how: Any) -> OAuthFailure:
    with pytest.raises(OAuthFailure) as caught:
        parse(raw(body, **how))
    return caught.value


# Tokens


def test_everything_that_was_granted_is_returned() -> None:
    assert granted(refresh_token="canary-rt-1", scope="a b", expires_in=3600, id_token="e30.e30.x") == TokenSet(
        access_token="canary-at-1",
        token_type="Bearer",
        refresh_token="canary-rt-1",
        scope="a b",
        expires_in=3600.0,
        id_token="e30.e30.x",
    )


def test_what_was_not_said_is_none_and_the_type_is_bearer() -> None:
    assert parse(raw({"access_token": "canary-at-1"})) == TokenSet("canary-at-1", "Bearer", None, None, None, None)


def test_an_empty_refresh_token_is_no_refresh_token() -> None:
    assert granted(refresh_token="").refresh_token is None
    assert granted(refresh_token=None).refresh_token is None


def test_a_list_of_scopes_is_joined() -> None:
    assert granted(scope=["read", "write"]).scope == "read write"


def test_a_form_encoded_body_is_read() -> None:
    body = "access_token=at%2B1&token_type=bearer&expires_in=5184000&refresh_token="
    tokens = parse(raw(body, headers={"content-type": "application/x-www-form-urlencoded"}))
    assert (tokens.access_token, tokens.token_type, tokens.expires_in) == ("at+1", "bearer", 5184000.0)
    assert tokens.refresh_token is None


def test_a_mark_at_the_beginning_and_a_wrong_content_type_do_not_matter() -> None:
    assert (
        parse(raw('\ufeff {"access_token": "canary-at-1"}', headers={"content-type": "text/html"})).access_token
        == "canary-at-1"
    )


@pytest.mark.parametrize("token_type", ["b" * 101, "Bearer realm", 'Bearer x="y",'])
def test_a_token_type_that_no_column_or_header_can_bear_is_no_answer(token_type: str) -> None:
    with pytest.raises(OAuthFailure) as caught:
        granted(token_type=token_type)
    assert (caught.value.code, caught.value.permanent) == ("malformed_answer", False)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("b" * 100, "b" * 100), (" bearer ", "bearer"), (" ", "Bearer"), (None, "Bearer"), ("urn:x:mac", "urn:x:mac")],
)
def test_a_token_type_is_a_word_or_a_uri_and_bearer_where_it_is_not_said(sent: str | None, kept: str) -> None:
    assert granted(token_type=sent).token_type == kept


@pytest.mark.parametrize("code", ["not_authorized", "blocked", "interrupted", "timeout"])
def test_a_code_of_ours_is_not_taken_from_a_provider(code: str) -> None:
    failure = failed({"error": code}, status=400)
    assert (failure.code, failure.description, failure.permanent) == ("refused", code, True)


@pytest.mark.parametrize("member", ["access_token", "token_type", "refresh_token", "id_token"])
@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7f", "tökén", "a\u2028b", "\ud800", 5, ["a"]]
)
def test_promise_36_a_token_that_would_break_a_header_is_refused_without_showing_it(member: str, value: object) -> None:
    told = failed({"access_token": "canary-at-1", member: value})
    assert told.code == "malformed_answer"
    assert "Evil" not in str(told)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (" 3600 ", 3600.0),
        (0.5, 0.5),
        ("1e3", 1000.0),
        (10**12, MAX_LIFETIME_SECONDS),
        ("9" * 100, MAX_LIFETIME_SECONDS),
        (0, None),
        (-1, None),
        ("-1", None),
        (10**400, None),
        ("1e400", None),
        ("NaN", None),
        ("Infinity", None),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        ([3600], None),
        ({"seconds": 3600}, None),
    ],
)
def test_promise_20_a_lifetime_is_sane_or_not_said(said: object, seconds: float | None) -> None:
    assert granted(expires_in=said).expires_in == seconds


@pytest.mark.parametrize("literal", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_a_lifetime_that_is_no_finite_number_is_not_said(literal: str) -> None:
    assert parse(raw('{"access_token": "canary-at-1", "expires_in": ' + literal + "}")).expires_in is None


# Refusals


@pytest.mark.parametrize(
    "code",
    [
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_request",
        "access_denied",
        "bad_verification_code",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_refusal_is_permanent_whatever_its_status(code: str, status: int) -> None:
    told = failed({"error": code, "error_description": "No."}, status=status, headers={"retry-after": "5"})
    assert (told.code, told.description, told.permanent, told.retry_after) == (code, "No.", True, None)


@pytest.mark.parametrize("code", ["temporarily_unavailable", "server_error", "slow_down", "ratelimited"])
@pytest.mark.parametrize("status", [200, 400])
def test_a_server_that_says_not_now_is_asked_again(code: str, status: int) -> None:
    told = failed({"error": code}, status=status, headers={"retry-after": "5"})
    assert (told.code, told.permanent, told.retry_after) == (code, False, 5.0)


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "too_many_requests"), (408, "server_error"), (500, "server_error"), (503, "server_error")],
)
@pytest.mark.parametrize("body", ["", "<html>", {"error": "invalid_grant"}, {"access_token": "canary"}])
def test_promise_12_a_failing_server_is_asked_again_even_when_its_answer_holds_a_token(
    status: int, code: str, body: object
) -> None:
    told = failed(body, status=status)
    assert (told.code, told.permanent) == (code, False)
    assert "canary" not in str(told)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_says_that_it_is_not_followed(status: int) -> None:
    told = failed({"access_token": "canary"}, status=status)
    assert (told.code, told.permanent) == ("redirect", False)
    assert f"redirect (status {status})" in told.description


def test_a_provider_that_says_not_ok_is_refusing() -> None:
    told = failed({"ok": False, "error": "invalid_refresh_token"})
    assert (told.code, told.permanent) == ("invalid_refresh_token", True)
    assert failed({"ok": False, "access_token": "canary-at-1"}).code == "refused"


def test_a_form_encoded_refusal_is_read() -> None:
    told = failed("error=bad_verification_code&error_description=The+code+is+wrong.")
    assert (told.code, told.description) == ("bad_verification_code", "The code is wrong.")


def test_an_error_object_gives_its_message() -> None:
    told = failed({"error": {"message": "Bad code.", "type": "OAuthException", "code": 100}}, status=400)
    assert (told.code, told.description, told.permanent) == ("OAuthException", "Bad code.", True)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("body", ["", "<html>Not here</html>", {"detail": "x"}, {"error": {"code": 5}}])
def test_a_status_without_an_oauth_error_may_be_a_gateway_and_is_asked_again(status: int, body: object) -> None:
    told = failed(body, status=status)
    assert (told.code, told.permanent) == ("http_error", False)
    assert str(status) in told.description


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "<!doctype html><title>Sign in</title>",
        "null",
        "[]",
        '"access_token"',
        "{",
        '{"access_token": ',
        "{}",
        '{"access_token": null}',
        '{"access_token": ""}',
        "access_token=",
        "a=b",
        "&".join(f"a{number}=b" for number in range(1000)),
        '{"a":' * 100_000,
        '{"access_token":' + "[" * 100_000,
        '{"access_token": "canary-at-1", "expires_in": ' + "9" * 5000 + "}",
    ],
)
def test_nonsense_is_malformed_and_not_permanent(body: str) -> None:
    told = failed(body)
    assert (told.code, told.permanent) == ("malformed_answer", False)


# Descriptions


def test_a_hostile_description_becomes_one_short_line_of_text() -> None:
    hostile = "<script>alert(1)</script>\r\nSet-Cookie: a=b\x00\x1b[31m\u202e" + "x" * 10_000
    told = failed({"error": "invalid_grant", "error_description": hostile}, status=400)
    assert told.description.startswith("<script>alert(1)</script> Set-Cookie: a=b [31m xxx")
    assert len(told.description) == 300
    assert told.description.isprintable()


def test_a_code_that_is_none_becomes_a_description() -> None:
    told = failed({"error": "No, really\r\nnot"}, status=400)
    assert (told.code, told.description, told.permanent) == ("refused", "No, really not", True)


@pytest.mark.parametrize("description", [5, None, ["x"], {"a": "b"}])
def test_a_description_that_is_no_text_is_left_out(description: object) -> None:
    told = failed({"error": "invalid_grant", "error_description": description}, status=400)
    assert (told.code, told.description) == ("invalid_grant", "")


def test_what_was_sent_and_is_echoed_is_hidden() -> None:
    answer = raw(
        {"error": "invalid_grant", "error_description": "Token rt/canary+1 (rt%2Fcanary%2B1) and s3cret-x are bad."},
        status=400,
    )
    with pytest.raises(OAuthFailure) as caught:
        parse(answer, secrets=["rt/canary+1", "s3cret-x", ""])
    assert caught.value.description == "Token [hidden] ([hidden]) and [hidden] are bad."


def test_a_token_that_a_failing_server_spills_is_hidden() -> None:
    told = failed(
        {"access_token": "canary-at-canary", "error": "canary-at-canary", "message": "canary-at-canary was made"},
        status=500,
    )
    assert "canary" not in str(told) + repr(told)


def test_a_token_set_does_not_show_its_tokens() -> None:
    assert "canary" not in repr(granted(access_token="canary-1", refresh_token="canary-2", id_token="canary-3"))


def test_a_failure_survives_being_handed_to_another_process() -> None:
    told = OAuthFailure("slow_down", "Later.", permanent=False, retry_after=7.0)
    copy = pickle.loads(pickle.dumps(told))  # noqa: S301
    assert (copy.code, copy.description, copy.permanent, copy.retry_after) == ("slow_down", "Later.", False, 7.0)
    assert str(copy) == "slow_down: Later."


# Retry-After


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", 1.0),
        ("86400", 3600.0),
        ("9" * 20, 3600.0),
        ("9" * 5000, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Fri, 99 Dec 2026 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_bounded_or_not_said(said: str, seconds: float | None) -> None:
    assert failed("", status=503, headers={"retry-after": said}).retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    wait = failed("", status=429, headers={"retry-after": when}).retry_after
    assert wait is not None
    assert 90 < wait <= 100


# Anything


def outcome(answer: RawAnswer) -> TokenSet | OAuthFailure:
    try:
        return parse(answer)
    except OAuthFailure as told:
        return told


@given(body=st.text(max_size=200), status=st.integers(100, 599), retry_after=st.text(max_size=40))
def test_no_text_makes_it_crash(body: str, status: int, retry_after: str) -> None:
    answer = RawAnswer(status=status, headers={"retry-after": retry_after}, body=body)
    assert isinstance(outcome(answer), (TokenSet, OAuthFailure))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
token_members = st.sampled_from(["access_token", "token_type", "refresh_token", "expires_in", "scope", "id_token"])
error_members = st.sampled_from(["error", "error_description", "ok", "message"])
documents = st.dictionaries(token_members | error_members, anything)


@given(document=documents, status=st.sampled_from([200, 302, 400, 429, 500]))
def test_no_document_makes_it_crash_or_gives_a_token_that_breaks_a_header(
    document: dict[str, object], status: int
) -> None:
    told = outcome(raw(document, status=status))
    if isinstance(told, OAuthFailure):
        assert len(told.description) <= 300
        assert told.description.isprintable()
    else:
        assert status == 200
        assert told.access_token.isascii()
        assert told.access_token.isprintable()
        assert told.expires_in is None or 0 < told.expires_in <= MAX_LIFETIME_SECONDS
