"""Handles that cannot be guessed (promises 1 and 2)."""

import re

from credentials.oauth import pkce, state


def test_the_challenge_is_that_of_the_rfc() -> None:
    # RFC 7636 appendix B
    assert (
        pkce.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_a_verifier_has_256_bits_in_unreserved_characters_and_is_new_each_time() -> None:
    verifiers = {pkce.new_verifier() for _ in range(100)}
    assert len(verifiers) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", verifier) for verifier in verifiers)


def test_a_state_has_256_bits_fits_into_64_characters_and_is_new_each_time() -> None:
    states = {state.new_state() for _ in range(100)}
    assert len(states) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in states)


def test_only_the_value_itself_matches_its_digest() -> None:
    value = state.new_state()
    assert state.matches(value, state.digest(value))
    assert not state.matches(value + "x", state.digest(value))
    assert not state.matches(state.digest(value), state.digest(value))
    assert not state.matches("", state.digest(value))


def test_the_digest_is_hexadecimal_and_not_the_value() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", state.digest("a-state"))


def test_a_value_that_is_no_text_matches_nothing_and_raises_nothing() -> None:
    assert not state.matches("\udcff", state.digest("a-state"))
    assert not state.matches("a-state", "dig\u00e9st")
