"""What a provider echoes of a secret is hidden, however it writes it."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from credentials.oauth.redaction import redact

SECRET = 'p%a+s:s word/&="\\é?'
WRITTEN = {
    "plain": SECRET,
    "URL-encoded": quote(SECRET, safe=""),
    "form-encoded": quote_plus(SECRET),
    "URL-encoded here and there": quote(SECRET, safe="&=/:"),
    "URL-encoded in small letters": re.sub("%..", lambda found: found.group().lower(), quote(SECRET, safe="")),
    "in JSON": json.dumps(SECRET)[1:-1],
    "in JSON with slashes escaped": json.dumps(SECRET, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "in a Basic header": base64.b64encode(f"client:{quote_plus(SECRET)}".encode()).decode(),
    "in a Basic header that was not form-encoded": base64.b64encode(f"id:{SECRET}".encode()).decode(),
    "in JSON with every character escaped": "".join(f"\\u{ord(character):04X}" for character in SECRET),
    "in URL-safe base64": base64.urlsafe_b64encode(f"???>>>{quote_plus(SECRET)}".encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_secret_is_hidden_however_it_is_written(way: str) -> None:
    assert redact(f"The header was <{WRITTEN[way]}>, sorry", [SECRET]) == "The header was <[hidden]>, sorry"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    assert redact("token-1-and-more", ["token-1", "token-1-and-more"]) == "[hidden]"


def test_other_words_stay_also_where_they_look_like_base64() -> None:
    words = "The client_id c29tZXRoaW5nIGVsc2U= is unknown, see https://provider.example/errors/42"
    assert redact(words, [SECRET]) == words


def test_what_is_too_short_to_be_a_secret_hides_no_words() -> None:
    assert redact("an abc of errors", ["abc", ""]) == "an abc of errors"


@pytest.mark.parametrize("before", ["100%", "C:\\", "%4", "\\u00"])
def test_what_stands_before_a_secret_does_not_save_it(before: str) -> None:
    assert redact(f"{before}abcdef-1234", ["abcdef-1234"]) == f"{before}[hidden]"


@pytest.mark.parametrize("written", ["\U0001f511-key-é", '"\\ud83d\\udd11-key-\\u00e9"', "%F0%9F%94%91-key-%C3%A9"])
def test_a_secret_beyond_ascii_is_hidden_however_it_is_written(written: str) -> None:
    assert redact(written, ["\U0001f511-key-é"]).strip('"') == "[hidden]"


@pytest.mark.parametrize("part", ["a", "%61", "\\u0061", "aaaaaaaa "])
def test_a_megabyte_that_almost_holds_a_huge_secret_is_searched_in_no_time(part: str) -> None:
    """The provider chooses both its tokens and its words: their product must not be what a search costs."""
    text = part * (1_000_000 // len(part))
    assert redact(text, ["a" * 200_000 + "b", "a" * 100_000 + "c"]) == text
