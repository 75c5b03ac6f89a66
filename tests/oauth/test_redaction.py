"""What a provider echoes of a secret is hidden, however it writes it."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from credentials.oauth.errors import redact

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
