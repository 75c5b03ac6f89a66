"""The envelope: text that holds a sealed secret. Pure: it knows keys and bytes, and nothing of Django or the database.

`v1:KEYID:BODY`, where BODY is the unpadded base64url of a 96-bit random nonce and an AES-256-GCM ciphertext with its
128-bit tag (NIST SP 800-38D §5.2, §8.2.2). The key's id is in clear, so that the database can find what is sealed with
which key. The context is authenticated and not stored: an envelope moved to another place does not open there.
"""

import base64
import binascii
import functools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Unsealable(Exception):
    """The envelope does not open: its key is not here, it was changed, or it stands where it was not sealed for.

    The message never holds data; it names a key id at most.
    """


@dataclass(frozen=True)
class Key:
    """An AES-256 key. `id`: 1-32 letters, digits, `_` or `-`. `secret`: 32 bytes, kept out of `repr`.

    Raises `ValueError`, without the material, where either is anything else.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError("a key id is 1 to 32 letters, digits, underscores or hyphens")
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"the key is {len(self.secret)} bytes long, not {KEY_BYTES}")

    @functools.cached_property
    def cipher(self) -> AESGCM:
        """The cipher with its expanded key; a list of credentials opens hundreds of envelopes with it."""
        return AESGCM(self.secret)


def prefix(key_id: str) -> str:
    """What every envelope of this key begins with, and no other envelope does."""
    return f"{VERSION}:{key_id}:"


def seal(plaintext: bytes, *, key: Key, context: str) -> str:
    """`plaintext` sealed with `key` for the place named by `context`. Sealing twice gives two different envelopes."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = nonce + key.cipher.encrypt(nonce, plaintext, context.encode())
    return prefix(key.id) + base64.urlsafe_b64encode(body).rstrip(b"=").decode("ascii")


def open_envelope(envelope: str, *, keys: Mapping[str, Key], context: str) -> bytes:
    """The plaintext. `keys` by id. Raises `Unsealable`."""
    name, body = _split(envelope)
    key = keys.get(name)
    if key is None:
        raise Unsealable(f'the key "{name}" is not configured')
    sealed = _decode(body)
    try:
        return key.cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise Unsealable(f'sealed with other bytes of the key "{name}", changed, or moved from its place') from None


def key_id(envelope: str) -> str:
    """The id of the key that sealed it. Raises `Unsealable` for text that is no envelope."""
    return _split(envelope)[0]


def _split(envelope: str) -> tuple[str, str]:
    """Key id and body."""
    version, _, rest = envelope.partition(":")
    name, colon, body = rest.partition(":")
    if version != VERSION or not colon or not body or not _KEY_ID.fullmatch(name):
        raise Unsealable("not an envelope")
    return name, body


def _decode(body: str) -> bytes:
    """Nonce and ciphertext. One spelling only: text that merely decodes to the same bytes was not written here."""
    try:
        sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unsealable("not an envelope") from None
    if len(sealed) < NONCE_BYTES + TAG_BYTES or base64.urlsafe_b64encode(sealed).rstrip(b"=") != body.encode("ascii"):
        raise Unsealable("not an envelope")
    return sealed
