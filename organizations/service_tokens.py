"""The form of a service token: `bat_`, 256 random bits in base62, and a checksum over both.

The fixed beginning lets a secret scanner find one in a leaked file; the checksum (CRC-32, base62) lets the service
refuse a mistyped one without asking the database. Neither adds to or takes from the 256 bits.
"""

import hashlib
import secrets
import zlib

BEGINNING = "bat_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_LENGTH = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
LENGTH = len(BEGINNING) + _BODY_LENGTH + _CHECKSUM_LENGTH
PREFIX_LENGTH = 8


def mint() -> str:
    """A new token in plain text; show it once and keep only its `digest`."""
    start = BEGINNING + _base62(int.from_bytes(secrets.token_bytes(32)), _BODY_LENGTH)
    return start + _checksum(start)


def well_formed(token: str) -> bool:
    """Whether a text is a token by its form and checksum; says nothing about whether it was ever issued."""
    if len(token) != LENGTH or not token.startswith(BEGINNING) or not token.isascii():
        return False
    return token[-_CHECKSUM_LENGTH:] == _checksum(token[:-_CHECKSUM_LENGTH])


def prefix(token: str) -> str:
    """The part of a token that may be shown, to tell one from another."""
    return token[len(BEGINNING) : len(BEGINNING) + PREFIX_LENGTH]


def digest(token: str) -> str:
    """SHA-256 in hex. A token has 256 random bits, so neither salt nor a slow hash would add anything."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(start: str) -> str:
    return _base62(zlib.crc32(start.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
