"""Reading CREDENTIAL_KEYS, and making a key."""

import base64
import io
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from credentials.crypto.keyring import generate, keyring, parse_keys

FIRST = bytes(range(32))  # fixed: test names must be the same in every worker process
SECOND = bytes(range(32, 64))


def entry(name: str, secret: bytes) -> str:
    return f"{name}:{base64.b64encode(secret).decode()}"


@given(secret=st.binary(min_size=32, max_size=32))
def test_standard_and_url_safe_base64_with_and_without_padding_are_one_key(secret: bytes) -> None:
    standard, url_safe = base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()
    for spelling in (standard, url_safe, standard.rstrip("="), url_safe.rstrip("=")):
        assert parse_keys(f"2026a:{spelling}").primary.secret == secret


def test_the_first_key_seals_and_every_key_opens() -> None:
    ring = parse_keys(f" {entry('2026b', SECOND)} , {entry('2026a', FIRST)}\n")
    assert ring.primary.id == "2026b"
    assert {name: key.secret for name, key in ring.keys.items()} == {"2026b": SECOND, "2026a": FIRST}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not set"),
        (" \n", "not set"),
        (",", "entry 1"),
        (entry("2026a", FIRST) + ",", "entry 2 of CREDENTIAL_KEYS is empty"),
        (base64.b64encode(FIRST).decode(), 'entry 1 of CREDENTIAL_KEYS has no ":"'),
        (entry("", FIRST), "entry 1 of CREDENTIAL_KEYS has no valid id"),
        (entry("2026 a", FIRST), "entry 1 of CREDENTIAL_KEYS has no valid id"),
        (entry("a" * 33, FIRST), "entry 1 of CREDENTIAL_KEYS has no valid id"),
        (entry("2026a", FIRST[:31]), r'entry 1 of CREDENTIAL_KEYS \("2026a"\) is not valid: the key is 31 bytes long'),
        (entry("2026a", FIRST + b"!"), r'\("2026a"\) is not valid: the key is 33 bytes long'),
        (f"{entry('2026b', SECOND)},2026a:hunter2!", r'entry 2 of CREDENTIAL_KEYS \("2026a"\) .* not base64'),
        ("2026a:", "0 bytes long"),
        (f"{entry('2026a', FIRST)},{entry('2026a', SECOND)}", 'id "2026a" stands in CREDENTIAL_KEYS twice'),
        (f"{entry('2026b', FIRST)},{entry('2026a', FIRST)}", '"2026b" and "2026a" in CREDENTIAL_KEYS are one key'),
    ],
)
def test_a_mistake_is_named_by_its_place_and_without_the_key(text: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said) as caught:
        parse_keys(text)
    for secret in (FIRST, SECOND, FIRST[:31]):
        assert base64.b64encode(secret).decode().rstrip("=") not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_nothing_is_derived_from_the_secret_key_when_no_key_is_configured(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = ""
    with pytest.raises(ImproperlyConfigured):
        keyring()


def test_the_keys_are_parsed_once_and_again_when_the_setting_changes(settings: Settings) -> None:
    before = keyring()
    assert keyring() is before
    settings.CREDENTIAL_KEYS = entry("changed", FIRST)
    assert keyring().primary.id == "changed"


def test_the_representation_of_a_keyring_shows_ids_only() -> None:
    shown = repr(parse_keys(entry("2026a", FIRST)))
    assert "2026a" in shown
    assert base64.b64encode(FIRST).decode() not in shown
    assert repr(FIRST) not in shown


def test_fingerprints_tell_keys_apart_and_not_ids() -> None:
    ours = parse_keys(f"{entry('2026b', SECOND)},{entry('2026a', FIRST)}").fingerprints
    impostor = parse_keys(entry("2026a", SECOND)).fingerprints
    assert ours["2026a"] != impostor["2026a"]
    assert ours["2026b"] == impostor["2026a"]


def test_a_generated_entry_is_a_valid_entry_and_never_the_same() -> None:
    entries = {generate("2026a") for _ in range(50)}
    assert len(entries) == 50
    assert all(parse_keys(made).primary.id == "2026a" for made in entries)


@pytest.mark.parametrize(
    ("configured", "expected"),
    [("", "a"), ("{0}a:x", "b"), ("{0}b:x,{0}a:x", "c"), ("{0}b:x", "a"), ("old:x", "a"), ("no colon", "a")],
)
def test_a_generated_id_is_the_year_and_the_first_free_letter(
    settings: Settings, configured: str, expected: str
) -> None:
    year = str(datetime.now(UTC).year)
    settings.CREDENTIAL_KEYS = configured.format(year)
    assert generate().partition(":")[0] == year + expected


def test_the_letters_go_on_after_z(settings: Settings) -> None:
    year = str(datetime.now(UTC).year)
    settings.CREDENTIAL_KEYS = ",".join(f"{year}{letter}:x" for letter in "abcdefghijklmnopqrstuvwxyz")
    assert generate().startswith(f"{year}aa:")


def test_an_id_that_is_in_use_or_malformed_is_not_generated(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = entry("2026a", FIRST)
    with pytest.raises(ValueError, match="configured already"):
        generate("2026a")
    with pytest.raises(ValueError, match="1 to 32 letters"):
        generate("no spaces")


def test_the_command_prints_one_entry_and_nothing_else_on_standard_output(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = ""
    output, advice = io.StringIO(), io.StringIO()
    call_command("generate_key", "--id", "fresh", stdout=output, stderr=advice)
    assert parse_keys(output.getvalue()).primary.id == "fresh"
    assert output.getvalue().count("\n") == 1
    assert "rotate_keys" in advice.getvalue()


def test_the_command_says_why_it_made_no_key() -> None:
    with pytest.raises(CommandError, match="No key was made"):
        call_command("generate_key", "--id", "not an id", stdout=io.StringIO(), stderr=io.StringIO())
