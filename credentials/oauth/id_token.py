"""ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.7): is this one from whom it says, for us, and still good?

Pure: keys and the time are handed in. Only asymmetric signatures are known; `none` and the HMAC family, with which a
public key can be made a shared secret, are not.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from jwcrypto.common import JWException, base64url_decode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

# Algorithm (RFC 7518 §3.1) -> key type and, for an elliptic curve, which.
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
LEEWAY_SECONDS = 60.0  # between the provider's clock and ours
MAX_CHARACTERS = 16_384
MAX_SUBJECT = 255  # OpenID Connect Core §2
MAX_KEYS = 100
MIN_RSA_BITS = 2048
CURVES = ("P-256", "P-384", "P-521")
LATEST = 1e11  # seconds since the epoch; NaN and infinity are not below it


class InvalidIdToken(Exception):
    """The token proves nothing. The message is one sentence and holds nothing of the token."""


class UnknownKey(InvalidIdToken):
    """None of the keys has signed it: newer keys may."""


class UnusableKeys(Exception):
    """What was given as keys holds none that can verify an ID token. The message is one sentence."""


@dataclass(frozen=True)
class Claims:
    """What a verified token says: `subject` is who, `expires_at` in seconds since the epoch."""

    subject: str
    expires_at: float


@dataclass(frozen=True)
class Keys:
    """Public keys of a provider."""

    keys: tuple[JWK, ...]

    def that_may_have_signed(self, algorithm: str, key_id: str | None) -> list[JWK]:
        """Those of the right type; where the token names one, that one."""
        wanted, curve = ALGORITHMS[algorithm]
        return [key for key in self.keys if _fits(key, algorithm, wanted, curve, key_id)]


def keys_from_pem(text: str) -> Keys:
    """A public key or a certificate in PEM. Raises `UnusableKeys`."""
    if "PRIVATE KEY" in text:
        raise UnusableKeys("This is a private key. Only the public key belongs here.")
    try:
        key = JWK.from_pem(text.strip().encode())
    except (JWException, ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeys("This is not a public key in PEM form.") from None
    public = key.export_public(as_dict=True)
    # The library gives it an id of its own, which no token can name.
    return _usable([JWK(**{name: value for name, value in public.items() if name != "kid"})])


def keys_from_jwks(text: str) -> Keys:
    """A JWK Set (RFC 7517 §5). Keys that we cannot use are left out. Raises `UnusableKeys` where none is left."""
    try:
        entries = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnusableKeys("The JWKS endpoint did not answer with a set of keys.") from None
    found = []
    for entry in entries[:MAX_KEYS] if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in ("RSA", "EC"):
            continue
        try:
            found.append(JWK(**{name: value for name, value in entry.items() if name in _PUBLIC_PARTS}))
        except (JWException, ValueError, TypeError):
            continue
    return _usable(found)


# These alone are taken: a provider may publish its private key by mistake, and by other members the library is
# told to make a key of its own, of any size.
_PUBLIC_PARTS = frozenset({"kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"})


def verify(token: str, *, keys: Keys, issuer: str, client_id: str, nonce: str | None, now: float) -> Claims:
    """Everything that §3.1.3.7 asks for, in its order. Raises `InvalidIdToken`; `UnknownKey` where no key fits."""
    claims = _signed_claims(token, keys)
    if claims.get("iss") != issuer:
        raise InvalidIdToken("The ID token is of another issuer.")
    _check_audience(claims, client_id)
    _check_times(claims, now)
    said = claims.get("nonce")
    if nonce is not None and not (isinstance(said, str) and hmac.compare_digest(said.encode(), nonce.encode())):
        raise InvalidIdToken("The ID token does not carry the nonce.")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise InvalidIdToken("The ID token does not say who the consumer is (sub).")
    return Claims(subject, float(claims["exp"]))


def read_from_token_endpoint(token: str, *, client_id: str, now: float) -> Mapping[str, Any]:
    """The claims of a token that came straight from the token endpoint, where the connection stands for the signature.

    §3.1.3.7 (6) allows that. Audience and times are checked all the same. Raises `InvalidIdToken`.
    """
    if len(token) > MAX_CHARACTERS or token.count(".") != 2 or not token.isascii():
        raise InvalidIdToken("This is not a signed ID token.")
    claims = _object(_decoded(token.split(".")[1]))
    _check_audience(claims, client_id)
    _check_times(claims, now)
    return claims


def _signed_claims(token: str, keys: Keys) -> Mapping[str, Any]:
    if len(token) > MAX_CHARACTERS or token.count(".") != 2 or not token.isascii():
        raise InvalidIdToken("This is not a signed ID token.")
    header = _object(_decoded(token.partition(".")[0]))
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidIdToken("The ID token is not signed by an algorithm that is accepted.")
    # RFC 7515 §4.1.11: an extension that has to be understood, and is not, is a reason to refuse.
    if "crit" in header:
        raise InvalidIdToken("The ID token uses an extension that is not known.")
    candidates = keys.that_may_have_signed(algorithm, key_id if isinstance(key_id, str) else None)
    for key in candidates:
        signature = JWS()
        signature.allowed_algs = [algorithm]
        try:
            signature.deserialize(token, key)
        except (JWException, ValueError):
            continue
        return _object(signature.payload)
    if not candidates:
        raise UnknownKey("The ID token is signed by a key that the identity provider does not publish.")
    raise InvalidIdToken("The signature of the ID token is wrong.")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise InvalidIdToken("The ID token is for another client (aud).")
    party = claims.get("azp")
    if party is None and len(audiences) > 1:
        raise InvalidIdToken("The ID token is for several clients and does not say which asked for it (azp).")
    if party is not None and party != client_id:
        raise InvalidIdToken("The ID token was issued to another client (azp).")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, issued, valid_from = _moment(claims, "exp"), _moment(claims, "iat"), _moment(claims, "nbf")
    if expires is None or issued is None:
        raise InvalidIdToken("The ID token does not say when it was issued and when it ends (iat, exp).")
    if expires <= now - LEEWAY_SECONDS:
        raise InvalidIdToken("The ID token has expired.")
    if issued > now + LEEWAY_SECONDS:
        raise InvalidIdToken("The ID token was issued in the future.")
    if valid_from is not None and valid_from > now + LEEWAY_SECONDS:
        raise InvalidIdToken("The ID token is not valid yet.")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """Seconds since the epoch; None where it is not said. What is no number is refused."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise InvalidIdToken(f"The ID token's {name} is not a time.")
    return float(value)


def _fits(key: JWK, algorithm: str, wanted: str, curve: str | None, key_id: str | None) -> bool:
    public = key.export_public(as_dict=True)
    named = public.get("kid")
    return (
        public.get("kty") == wanted
        and (curve is None or public.get("crv") == curve)
        and public.get("alg", algorithm) == algorithm
        and (key_id is None or named is None or named == key_id)
    )


def _usable(keys: list[JWK]) -> Keys:
    """The public halves of those that are strong enough."""
    usable = []
    for key in keys:
        public = key.export_public(as_dict=True)
        is_rsa = public.get("kty") == "RSA" and _bits(public["n"]) >= MIN_RSA_BITS
        if is_rsa or (public.get("kty") == "EC" and public.get("crv") in CURVES):
            usable.append(JWK(**public))
    if not usable:
        raise UnusableKeys(f"It holds no key of a kind that is accepted: RSA of {MIN_RSA_BITS} bits or more, or EC.")
    return Keys(tuple(usable))


def _bits(number: str) -> int:
    return int.from_bytes(base64url_decode(number), "big").bit_length()


def _decoded(part: str) -> bytes:
    try:
        return bytes(base64url_decode(part))
    except ValueError:
        raise InvalidIdToken("This is not a signed ID token.") from None


def _object(text: bytes | str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidIdToken("This is not a signed ID token.")
    return value
