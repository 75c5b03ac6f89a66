"""The envelope's format, and what it refuses to open."""

import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credentials.crypto.envelope import Key, Unsealable, key_id, open_envelope, prefix, seal

KEY = Key("2026a", secrets.token_bytes(32))
OTHER = Key("2026b", secrets.token_bytes(32))
KEYS = {key.id: key for key in (KEY, OTHER)}
PLACE = "table|row|column|organization"
BASE64URL = string.ascii_letters + string.digits + "-_"

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(plaintext=st.binary(max_size=4096), context=texts)
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, context: str) -> None:
    envelope = seal(plaintext, key=KEY, context=context)
    assert open_envelope(envelope, keys=KEYS, context=context) == plaintext


@given(plaintext=st.binary(min_size=16, max_size=64))
def test_an_envelope_is_one_line_of_plain_characters_without_the_plaintext(plaintext: bytes) -> None:
    envelope = seal(plaintext, key=KEY, context=PLACE)
    version, name, body = envelope.split(":")
    assert (version, name) == ("v1", "2026a")
    assert set(body) <= set(BASE64URL)
    assert plaintext not in envelope.encode()


@given(here=texts, there=texts)
def test_an_envelope_does_not_open_in_another_place(here: str, there: str) -> None:
    envelope = seal(b"secret", key=KEY, context=here)
    if here == there:
        assert open_envelope(envelope, keys=KEYS, context=there) == b"secret"
    else:
        with pytest.raises(Unsealable):
            open_envelope(envelope, keys=KEYS, context=there)


@given(data=st.data(), plaintext=st.binary(max_size=48))
def test_changing_any_character_makes_it_unsealable(data: st.DataObject, plaintext: bytes) -> None:
    envelope = seal(plaintext, key=KEY, context=PLACE)
    at = data.draw(st.integers(0, len(envelope) - 1))
    character = data.draw(st.sampled_from(BASE64URL + ":=+/ \n\0é").filter(lambda c: c != envelope[at]))
    with pytest.raises(Unsealable):
        open_envelope(envelope[:at] + character + envelope[at + 1 :], keys=KEYS, context=PLACE)


@given(data=st.data())
def test_an_envelope_that_was_cut_or_continued_is_unsealable(data: st.DataObject) -> None:
    envelope = seal(b"secret", key=KEY, context=PLACE)
    cut = envelope[: data.draw(st.integers(0, len(envelope) - 1))]
    continued = envelope + data.draw(st.text(BASE64URL + "=\n", min_size=1, max_size=8))
    for damaged in (cut, continued):
        with pytest.raises(Unsealable):
            open_envelope(damaged, keys=KEYS, context=PLACE)


@given(text=st.text())
def test_any_other_text_is_unsealable(text: str) -> None:
    for damaged in (text, f"v1:{text}", f"v1:2026a:{text}"):
        with pytest.raises(Unsealable):
            open_envelope(damaged, keys=KEYS, context=PLACE)


def test_sealing_twice_gives_two_envelopes() -> None:
    assert len({seal(b"secret", key=KEY, context=PLACE) for _ in range(100)}) == 100


def test_a_key_of_another_id_is_named_and_does_not_open_it() -> None:
    envelope = seal(b"secret", key=KEY, context=PLACE)
    with pytest.raises(Unsealable, match='"2026a" is not configured'):
        open_envelope(envelope, keys={OTHER.id: OTHER}, context=PLACE)


def test_other_bytes_of_the_same_id_do_not_open_it() -> None:
    envelope = seal(b"secret", key=KEY, context=PLACE)
    impostor = Key(KEY.id, secrets.token_bytes(32))
    with pytest.raises(Unsealable):
        open_envelope(envelope, keys={impostor.id: impostor}, context=PLACE)


def test_an_envelope_relabelled_with_another_key_does_not_open() -> None:
    envelope = seal(b"secret", key=KEY, context=PLACE).replace("2026a", "2026b")
    with pytest.raises(Unsealable):
        open_envelope(envelope, keys=KEYS, context=PLACE)


def test_the_error_repeats_neither_the_plaintext_nor_the_envelope() -> None:
    envelope = seal(b"canary", key=KEY, context=PLACE)
    with pytest.raises(Unsealable) as caught:
        open_envelope(envelope, keys=KEYS, context="elsewhere")
    assert envelope.split(":")[2] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_key_id_can_be_read_without_the_key() -> None:
    assert key_id(seal(b"", key=OTHER, context=PLACE)) == "2026b"
    with pytest.raises(Unsealable):
        key_id("hunter2")


def test_the_prefix_of_a_key_is_not_the_prefix_of_a_key_whose_id_is_longer() -> None:
    longer = Key("2026ab", secrets.token_bytes(32))
    assert not seal(b"", key=longer, context=PLACE).startswith(prefix("2026a"))


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a" * 33, "é", "2026a\n"])
def test_an_id_that_would_not_fit_into_an_envelope_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 letters"):
        Key(name, bytes(32))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} bytes long"):
        Key("2026a", bytes(length))


def test_the_representation_of_a_key_does_not_show_it() -> None:
    assert repr(KEY) == "Key(id='2026a')"
