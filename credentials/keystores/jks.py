"""JKS, the keystore of Java before version 9, and the way in which it hides a private key.

The format is Java's own and was never published as a standard: big-endian numbers, strings with a length of two octets,
and at the end a SHA-1 over the password, a fixed phrase and everything before it.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from credentials.keystores.contents import KeyStore, TrustStore, key_store, trust_store
from credentials.keystores.der import read
from credentials.keystores.errors import (
    Damaged,
    NoPrivateKey,
    OtherKeyPassword,
    SeveralKeys,
    TrustHoldsKey,
    Unsupported,
    WrongPassword,
)

FORMAT = "JKS"
MAGIC = b"\xfe\xed\xfe\xed"
KEY, TRUSTED = 1, 2
PHRASE = b"Mighty Aphrodite"
KEY_PROTECTOR = "1.3.6.1.4.1.42.2.17.1.1"
DIGEST_BYTES = 20
MOST_ENTRIES = 500


@dataclass
class _Reader:
    """Takes the file apart from the front. Raises `Damaged` where it ends too early."""

    data: bytes = field(repr=False)
    position: int = 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise Damaged
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, octets: int = 4) -> int:
        return int.from_bytes(self.take(octets), "big")

    def text(self) -> bytes:
        return self.take(self.number(2))

    def certificate(self, version: int) -> bytes:
        # Version 1 leaves out the type, because all were X.509.
        if version == 2 and self.text() != b"X.509":
            raise Unsupported("The keystore holds a certificate that is not X.509.")
        return self.take(self.number())


@dataclass(frozen=True)
class _Entries:
    """Keys, still hidden, each with its chain; and what is trusted."""

    keys: list[tuple[bytes, list[bytes]]] = field(repr=False)
    trusted: list[bytes]


def open_key_store(data: bytes, password: str) -> KeyStore:
    """Raises `Refused`."""
    entries = _entries(data, password)
    if not entries.keys:
        raise NoPrivateKey
    if len(entries.keys) > 1:
        raise SeveralKeys
    ((hidden, chain),) = entries.keys
    return key_store(FORMAT, reveal(hidden, _wide(password)), chain, entries.trusted)


def open_trust_store(data: bytes, password: str) -> TrustStore:
    """Raises `Refused`."""
    entries = _entries(data, password)
    if entries.keys:
        raise TrustHoldsKey
    return trust_store(FORMAT, entries.trusted)


def _wide(password: str) -> bytes:
    return password.encode("utf-16-be", "surrogatepass")


def _entries(data: bytes, password: str) -> _Entries:
    if len(data) < len(MAGIC) + 8 + DIGEST_BYTES or not data.startswith(MAGIC):
        raise Damaged
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    reader = _Reader(body, len(MAGIC))
    entries = _read(reader)
    if reader.position != len(body):
        raise Damaged
    # After the walk: a file that was cut off is damaged whatever the password is.
    if not hmac.compare_digest(hashlib.sha1(_wide(password) + PHRASE + body, usedforsecurity=False).digest(), digest):
        raise WrongPassword
    return entries


def _read(reader: _Reader) -> _Entries:
    version, count = reader.number(), reader.number()
    if version not in (1, 2):
        raise Unsupported(f"The keystore is JKS of version {version}; versions 1 and 2 are supported.")
    if count > MOST_ENTRIES:
        raise Unsupported(f"The file holds more than {MOST_ENTRIES} entries.")
    entries = _Entries([], [])
    for _ in range(count):
        tag = reader.number()
        reader.text()  # the alias
        reader.take(8)  # when it was made
        if tag == KEY:
            hidden, length = reader.take(reader.number()), reader.number()
            if length > MOST_ENTRIES:
                raise Damaged
            entries.keys.append((hidden, [reader.certificate(version) for _ in range(length)]))
        elif tag == TRUSTED:
            entries.trusted.append(reader.certificate(version))
        else:
            raise Damaged
    return entries


def reveal(hidden: bytes, password: bytes) -> bytes:
    """The private key (PKCS #8, DER) out of an EncryptedPrivateKeyInfo. Raises `OtherKeyPassword` and `Damaged`.

    The plain key is XORed with a stream: each 20 octets of it are the SHA-1 of the password and the 20 before, the
    first of them the salt. The SHA-1 of the password and the plain key ends it.
    """
    parts = read(hidden).sequence()
    if len(parts) != 2:
        raise Damaged
    algorithm, protected = parts[0].sequence()[0].oid(), parts[1].octet_string()
    if algorithm != KEY_PROTECTOR:
        raise Unsupported("The private key is hidden in a way that is not supported. Export the keystore as PKCS12.")
    if len(protected) < 2 * DIGEST_BYTES:
        raise Damaged
    link, body, digest = protected[:DIGEST_BYTES], protected[DIGEST_BYTES:-DIGEST_BYTES], protected[-DIGEST_BYTES:]
    stream = bytearray()
    while len(stream) < len(body):
        link = hashlib.sha1(password + link, usedforsecurity=False).digest()
        stream += link
    plain = bytes(a ^ b for a, b in zip(body, stream, strict=False))
    if not hmac.compare_digest(hashlib.sha1(password + plain, usedforsecurity=False).digest(), digest):
        raise OtherKeyPassword
    return plain
