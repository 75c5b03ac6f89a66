"""The keys, as the operator configured them: `CREDENTIAL_KEYS="2026b:BASE64,2026a:BASE64"`.

The first key seals, every key opens. This is the only module that reads the setting; there is no default, and nothing
is derived from `SECRET_KEY`. An error names an entry by its position and id, never by its material.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import itertools
import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from credentials.crypto.envelope import KEY_BYTES, Key

_FINGERPRINT_CHARACTERS = 32  # 128 bits
_URL_SAFE_TO_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class Keyring:
    """`primary` seals; `keys` (by id, in the configured order, the primary first) open."""

    primary: Key
    keys: Mapping[str, Key] = field(repr=False)

    @functools.cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Key id -> 32 hexadecimal digits that tell two keys of one id apart and say nothing about either."""
        return MappingProxyType({name: _fingerprint(key) for name, key in self.keys.items()})


@functools.cache
def keyring() -> Keyring:
    """The configured keys, parsed once a process. Raises `ImproperlyConfigured`."""
    return parse_keys(settings.CREDENTIAL_KEYS)


def parse_keys(text: str) -> Keyring:
    """The keyring that `text` describes; keys in standard or URL-safe base64. Raises `ImproperlyConfigured`."""
    if not text.strip():
        raise ImproperlyConfigured("CREDENTIAL_KEYS is not set: there is no key to seal secrets with.")
    keys: dict[str, Key] = {}
    for position, entry in enumerate(text.split(","), start=1):
        key = _parse_entry(entry.strip(), f"entry {position} of CREDENTIAL_KEYS")
        if key.id in keys:
            raise ImproperlyConfigured(f'The key id "{key.id}" stands in CREDENTIAL_KEYS twice.')
        for other in keys.values():
            if hmac.compare_digest(other.secret, key.secret):
                raise ImproperlyConfigured(f'The keys "{other.id}" and "{key.id}" in CREDENTIAL_KEYS are one key.')
        keys[key.id] = key
    return Keyring(primary=next(iter(keys.values())), keys=MappingProxyType(keys))


def generate(id: str | None = None) -> str:
    """A new random entry for `CREDENTIAL_KEYS`, `"2026a:BASE64"`.

    Without an `id` it is the year and the first letter that is not configured yet. Raises `ValueError` for an id that
    is configured already or is not an id.
    """
    taken = _configured_ids()
    if id is None:
        year = f"{datetime.now(UTC):%Y}"
        id = next(name for name in (year + letters for letters in _letters()) if name not in taken)
    elif id in taken:
        raise ValueError(f'the key id "{id}" is configured already')
    key = Key(id, secrets.token_bytes(KEY_BYTES))
    return f"{key.id}:{base64.b64encode(key.secret).decode('ascii')}"


def _parse_entry(entry: str, where: str) -> Key:
    name, colon, material = entry.partition(":")
    if not entry:
        raise ImproperlyConfigured(f"The {where} is empty.")
    if not colon:
        # What stands there may be a key without its id, so it is not repeated.
        raise ImproperlyConfigured(f'The {where} has no ":" between an id and a key.')
    try:
        Key(name, bytes(KEY_BYTES))
    except ValueError as reason:
        raise ImproperlyConfigured(f"The {where} has no valid id: {reason}.") from None
    try:
        return Key(name, _decode(material))
    except ValueError as reason:
        raise ImproperlyConfigured(f'The {where} ("{name}") is not valid: {reason}.') from None


def _decode(material: str) -> bytes:
    """Standard or URL-safe base64, with or without its padding. Raises `ValueError` without the material."""
    text = material.strip().rstrip("=").translate(_URL_SAFE_TO_STANDARD)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key is not base64") from None


def _fingerprint(key: Key) -> str:
    return hmac.new(key.secret, b"credentials: fingerprint of a key", hashlib.sha256).hexdigest()[
        :_FINGERPRINT_CHARACTERS
    ]


def _configured_ids() -> frozenset[str]:
    """Ids in the setting as it stands, well-formed or not: a key can be generated to repair it."""
    return frozenset(entry.partition(":")[0].strip() for entry in settings.CREDENTIAL_KEYS.split(",") if ":" in entry)


def _letters() -> Iterator[str]:
    """a, b, ... z, aa, ab, ..."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            yield "".join(letters)


def _forget(*, setting: str, **_: object) -> None:
    if setting == "CREDENTIAL_KEYS":
        keyring.cache_clear()


setting_changed.connect(_forget, dispatch_uid="credentials.crypto.keyring")
