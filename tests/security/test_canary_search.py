"""The search for canaries finds them: a sweep that sees nothing must mean that there is nothing."""

import pytest

from tests.support.canary import Cage, packed

WRAPPINGS = list(packed(""))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_promise_22_a_canary_is_found_however_it_is_wrapped(wrapping: str) -> None:
    cage = Cage()
    secret = cage.new("client secret", around='p%a+s:s word/&="{}?')
    assert cage.sightings({"here": b"\x00noise " + packed(secret)[wrapping] + b" noise"}) == ["here: client secret"]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_secret_that_the_product_made_is_found_however_it_is_wrapped(wrapping: str) -> None:
    cage = Cage()
    secret = "wGzNn9-bUXvs_2dLZ6l1Qe3hRkq0T5yYpM8aJfCxEoV"
    cage.keep("verifier", secret)
    assert cage.sightings({"here": packed(secret)[wrapping]}) == ["here: verifier"]


def test_nothing_is_found_where_nothing_is() -> None:
    cage, other = Cage(), Cage()
    cage.new("client secret")
    assert cage.sightings({"here": b"".join(packed(other.new("another")).values())}) == []


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_each_of_many_is_told_from_the_others(wrapping: str) -> None:
    """Also where one begins as another does, or is its beginning."""
    cage = Cage()
    begun = "wGzNn9-bUXvs_2dLZ6l1Qe3h"
    secrets = {f"new {number}": cage.new(f"new {number}", around="p%a {}") for number in range(40)}
    secrets |= {"begun": begun, "grown": f"{begun}RkqT5yYp", "parted": f"{begun[:-4]}8aJfCxEo"}
    for name in ("begun", "grown", "parted"):
        cage.keep(name, secrets[name])
    for name in ("new 0", "new 17", "new 39", "begun", "parted"):
        assert f"here: {name}" in cage.sightings({"here": b"\x00 " + packed(secrets[name])[wrapping] + b" "})
    found = cage.sightings({"here": packed(secrets["grown"])[wrapping]})
    assert {"here: begun", "here: grown"} & set(found)
