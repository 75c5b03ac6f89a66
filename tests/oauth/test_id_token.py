"""Every check of an ID token can fail (OpenID Connect Core §3.1.3.7)."""

import base64
import json
import time
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from credentials.oauth import id_token
from credentials.oauth.id_token import InvalidIdToken, Keys, UnknownKey, UnusableKeys, keys_from_jwks, keys_from_pem
from tests.support.identity import ALICE, CLIENT_ID, jwks, key, public_pem
from tests.support.identity import id_token as signed

ISSUER = "https://idp.brand.example/"


class FromNow(int):
    """A time in seconds from when the test runs, not from when it was collected."""


def at_last(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value if isinstance(value, FromNow) else value for name, value in claims.items()}


def known(*keys: JWK) -> Keys:
    return keys_from_jwks(json.dumps(jwks(*keys)))


def verify(token: str, *, keys: Keys | None = None, nonce: str | None = None) -> id_token.Claims:
    return id_token.verify(
        token, keys=keys or known(), issuer=ISSUER, client_id=CLIENT_ID, nonce=nonce, now=time.time()
    )


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_a_right_one_says_who_and_until_when(algorithm: str) -> None:
    claims = verify(signed(ISSUER, algorithm=algorithm))
    assert claims.subject == ALICE
    assert 0 < claims.expires_at - time.time() <= 600


def test_an_elliptic_curve_signs_too() -> None:
    signer = key("curve", "EC")
    assert verify(signed(ISSUER, signer=signer, algorithm="ES256"), keys=known(key(), signer)).subject == ALICE


def test_a_public_key_verifies_without_a_key_id() -> None:
    keys = keys_from_pem(public_pem(key()))
    assert verify(signed(ISSUER), keys=keys).subject == ALICE
    assert verify(signed(ISSUER, header={"kid": None}), keys=keys).subject == ALICE


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://idp.brand.example"}, "another issuer"),
        ({"iss": "https://IDP.brand.example/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "somebody-else"}, "another client"),
        ({"aud": None}, "another client"),
        ({"aud": ["somebody-else"]}, "another client"),
        ({"aud": {CLIENT_ID: 1}}, "another client"),
        ({"aud": [CLIENT_ID, "somebody-else"]}, "azp"),
        ({"aud": [CLIENT_ID, "somebody-else"], "azp": "somebody-else"}, "azp"),
        ({"azp": "somebody-else"}, "azp"),
        ({"exp": None}, "iat, exp"),
        ({"iat": None}, "iat, exp"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": FromNow(-61)}, "expired"),
        ({"exp": "soon"}, "not a time"),
        ({"exp": True}, "not a time"),
        ({"exp": 1e400}, "not a time"),
        ({"exp": 10**40}, "not a time"),
        ({"iat": FromNow(600)}, "future"),
        ({"nbf": FromNow(600)}, "not valid yet"),
        ({"sub": None}, "who the consumer is"),
        ({"sub": ""}, "who the consumer is"),
        ({"sub": "a" * 256}, "who the consumer is"),
        ({"sub": "a\nb"}, "who the consumer is"),
        ({"sub": 7}, "who the consumer is"),
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidIdToken, match=why):
        verify(signed(ISSUER, **at_last(claims)))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"exp": FromNow(-20)},
        {"iat": FromNow(20)},
        {"nbf": FromNow(20)},
    ],
    ids=str,
)
def test_a_clock_that_is_a_little_off_and_a_list_of_clients_do_no_harm(claims: dict[str, Any]) -> None:
    assert verify(signed(ISSUER, **at_last(claims))).subject == ALICE


def test_the_nonce_has_to_be_the_one_that_was_given() -> None:
    assert verify(signed(ISSUER, nonce="n-1"), nonce="n-1").subject == ALICE
    assert verify(signed(ISSUER, nonce="n-1")).subject == ALICE
    for claims in ({"nonce": "n-2"}, {}, {"nonce": 1}):
        with pytest.raises(InvalidIdToken, match="nonce"):
            verify(signed(ISSUER, **claims), nonce="n-1")


def test_another_ones_signature_is_refused() -> None:
    with pytest.raises(InvalidIdToken, match="signature"):
        verify(signed(ISSUER, signer=key("stranger"), header={"kid": "key-1"}))
    with pytest.raises(InvalidIdToken, match="signature"):
        verify(signed(ISSUER, signer=key("stranger"), header={"kid": None}))


def test_a_changed_claim_breaks_the_signature() -> None:
    head, _, signature = signed(ISSUER).split(".")
    _, other, _ = signed(ISSUER, sub="mallory").split(".")
    with pytest.raises(InvalidIdToken, match="signature"):
        verify(f"{head}.{other}.{signature}")


def test_a_key_that_is_not_published_is_told_from_a_wrong_signature() -> None:
    with pytest.raises(UnknownKey):
        verify(signed(ISSUER, signer=key("key-2")))


def unsigned(algorithm: str) -> str:
    parts = [{"alg": algorithm}, {"iss": ISSUER, "sub": ALICE, "aud": CLIENT_ID, "iat": 1, "exp": 9_999_999_999}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "RSA-OAEP", "EdDSA"])
def test_no_signature_and_unknown_algorithms_are_refused(algorithm: str) -> None:
    with pytest.raises(InvalidIdToken, match="algorithm"):
        verify(unsigned(algorithm))


def test_the_public_key_does_not_pass_for_a_shared_secret() -> None:
    """The classic confusion: HS256 with the public key's own text as the secret."""
    secret = JWK(kty="oct", k=base64.urlsafe_b64encode(public_pem(key()).encode()).rstrip(b"=").decode())
    forged = signed(ISSUER, signer=secret, algorithm="HS256", header={"kid": None})
    with pytest.raises(InvalidIdToken, match="algorithm"):
        verify(forged, keys=keys_from_pem(public_pem(key())))


def test_a_key_of_another_type_than_the_algorithms_is_not_tried() -> None:
    with pytest.raises(UnknownKey):
        verify(signed(ISSUER, signer=key("curve", "EC"), algorithm="ES256", header={"kid": "key-1"}))


def test_a_key_that_the_token_brings_along_counts_for_nothing() -> None:
    stranger = key("stranger")
    brought = json.loads(stranger.export_public())
    with pytest.raises(InvalidIdToken):
        verify(signed(ISSUER, signer=stranger, header={"jwk": brought, "kid": None}))


def test_an_extension_that_has_to_be_understood_is_refused() -> None:
    token = signed(ISSUER)
    body = token.split(".", 1)[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "crit": ["x"], "x": 1}).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidIdToken, match="extension"):
        verify(f"{head}.{body}")


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "....", "é.é.é", "e30.e30.e30", "a" * 20_000, "W10.e30."])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdToken):
        verify(text)


def test_weak_and_foreign_keys_of_a_set_are_left_out() -> None:
    weak, secret = key("weak", size=1024), JWK.generate(kty="oct", size=256, kid="s")
    encrypting = {**json.loads(key("enc").export_public()), "use": "enc"}
    rubbish: list[object] = [None, 7, {"kty": "RSA"}, {"kty": "RSA", "n": "!", "e": "!"}, encrypting]
    mixed = json.dumps(
        {"keys": [json.loads(weak.export_public()), json.loads(secret.export()), *rubbish, *jwks()["keys"]]}
    )
    keys = keys_from_jwks(mixed)
    assert [each.get("kid") for each in keys.keys] == ["key-1"]
    with pytest.raises(UnusableKeys):
        keys_from_jwks(json.dumps(jwks(weak)))


def test_a_published_private_key_is_not_kept() -> None:
    keys = keys_from_jwks(json.dumps({"keys": [json.loads(key().export())]}))
    assert not any(each.has_private for each in keys.keys)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 1}', "not json", "[" * 100_000])
def test_what_is_no_set_of_keys_is_refused(text: str) -> None:
    with pytest.raises(UnusableKeys):
        keys_from_jwks(text)


def test_promise_21_a_set_of_keys_cannot_make_us_make_one() -> None:
    """The library makes a key of any size where it is told to `generate` one; a large one takes it hours."""
    with pytest.raises(UnusableKeys):
        keys_from_jwks(json.dumps({"keys": [{"kty": "RSA", "generate": "RSA", "size": 2048}]}))


@pytest.mark.parametrize("text", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-rsa AAAA"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(UnusableKeys):
        keys_from_pem(text)


def test_a_private_key_is_refused_where_a_public_one_belongs() -> None:
    private = key().export_to_pem(private_key=True, password=None).decode()
    with pytest.raises(UnusableKeys, match="private key"):
        keys_from_pem(private)


def test_the_suite_signs_as_the_library_reads() -> None:
    """A check of the check: what these tests sign is what any other verifier accepts."""
    signature = JWS()
    signature.deserialize(signed(ISSUER), key())
    assert json.loads(signature.payload)["sub"] == ALICE
