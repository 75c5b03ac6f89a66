"""PKCS #12 (RFC 7292): every bag of the file, with the number of keys and what it marks as trusted.

Read bag by bag: `cryptography`'s own reader drops a second key, takes any password where there is no integrity code,
and does not say which certificates were stored to be trusted. The primitives are `cryptography`'s.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from credentials.keystores import pbe
from credentials.keystores.contents import KeyStore, TrustStore, key_store, trust_store
from credentials.keystores.der import Node, read
from credentials.keystores.errors import (
    Damaged,
    NoPrivateKey,
    OtherKeyPassword,
    SeveralKeys,
    TrustHoldsKey,
    Unsupported,
    WrongPassword,
)
from credentials.keystores.pbe import Mac, Password, spellings

FORMAT = "PKCS12"
Result = TypeVar("Result", KeyStore, TrustStore)
DATA, ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
BAGS = "1.2.840.113549.1.12.10.1."
KEY, SHROUDED, CERTIFICATE, NESTED = BAGS + "1", BAGS + "2", BAGS + "3", BAGS + "6"
X509 = "1.2.840.113549.1.9.22.1"
# The attribute by which keytool marks what was imported to be trusted.
TRUSTED = "2.16.840.1.113894.746875.1.1"
MOST_BAGS = 500


@dataclass(frozen=True)
class Encrypted:
    """EncryptedData (RFC 5652 §8) or an EncryptedPrivateKeyInfo (RFC 5958 §3): both are an algorithm and bytes."""

    algorithm: Node
    data: bytes = field(repr=False)

    def open(self, password: Password) -> bytes:
        return pbe.decrypt(self.algorithm, password, self.data)


@dataclass
class Found:
    """What the bags hold."""

    keys: list[bytes | Encrypted] = field(default_factory=list, repr=False)
    certificates: list[bytes] = field(default_factory=list)
    trusted: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class File:
    """The outer structure: what can be read without a password."""

    authenticated: bytes = field(repr=False)
    safes: tuple[bytes | Encrypted, ...] = field(repr=False)
    mac: Mac | None

    @classmethod
    def read(cls, data: bytes) -> "File":
        """Raises `Damaged`, `Unsupported` and `TooExpensive`; derives nothing."""
        parts = read(data).sequence()
        if len(parts) < 2 or parts[0].integer() != 3:
            raise Damaged
        name, content = _content_info(parts[1])
        if name != DATA:
            raise Unsupported("The file is signed with a certificate instead of a password, which is not supported.")
        authenticated = content.octet_string()
        file = cls(
            authenticated,
            tuple(_safe(node) for node in read(authenticated).sequence()),
            Mac.read(parts[2]) if len(parts) > 2 else None,
        )
        file.check_cost()
        return file

    def check_cost(self) -> None:
        """Every count that stands in the open, before the first key is derived."""
        for safe in self.safes:
            if isinstance(safe, Encrypted):
                pbe.check(safe.algorithm)
            else:
                for key in bags([safe]).keys:
                    if isinstance(key, Encrypted):
                        pbe.check(key.algorithm)

    def open(self, password: Password) -> Found:
        """Raises `WrongPassword` and `Damaged`. That the integrity code fits has been seen before."""
        return bags(safe.open(password) if isinstance(safe, Encrypted) else safe for safe in self.safes)


def _content_info(node: Node) -> tuple[str, Node]:
    parts = node.sequence()
    if len(parts) != 2 or len(parts[1].children()) != 1:
        raise Damaged
    return parts[0].oid(), parts[1].children()[0]


def _safe(node: Node) -> bytes | Encrypted:
    name, content = _content_info(node)
    if name == DATA:
        return content.octet_string()
    if name != ENCRYPTED:
        raise Unsupported("The file is encrypted for a certificate instead of a password, which is not supported.")
    parts = content.sequence()[1].sequence()
    if len(parts) != 3:
        raise Damaged
    return Encrypted(parts[1], parts[2].octets())


def bags(safes: Iterable[bytes]) -> Found:
    """Raises `Damaged` and `Unsupported`."""
    found = Found()
    for count, (bag, value, attributes) in enumerate(_bags(safes)):
        if count >= MOST_BAGS:
            raise Unsupported(f"The file holds more than {MOST_BAGS} entries.")
        if bag == KEY:
            found.keys.append(value.encoded)
        elif bag == SHROUDED:
            algorithm, data = value.sequence()
            found.keys.append(Encrypted(algorithm, data.octet_string()))
        elif bag == CERTIFICATE:
            encoding, content = value.sequence()
            if encoding.oid() == X509:
                der = content.children()[0].octet_string()
                (found.trusted if TRUSTED in attributes else found.certificates).append(der)
    return found


def _bags(safes: Iterable[bytes]) -> Iterator[tuple[str, Node, frozenset[str]]]:
    for safe in safes:
        for bag in read(safe).sequence():
            identifier, value, *attributes = bag.sequence()
            name, content = identifier.oid(), value.children()[0]
            if name == NESTED:
                raise Unsupported("The file holds a keystore inside a keystore, which is not supported.")
            names = frozenset(entry.sequence()[0].oid() for group in attributes for entry in group.children())
            yield name, content, names


def open_key_store(data: bytes, password: str) -> KeyStore:
    """Raises `Refused`."""
    return _open(data, password, _key_store)


def open_trust_store(data: bytes, password: str) -> TrustStore:
    """Raises `Refused`. A store that holds a key as well is refused: what it trusts would be a guess."""
    return _open(data, password, _trust_store)


def _key_store(found: Found, password: Password) -> KeyStore:
    if not found.keys:
        raise NoPrivateKey
    if len(found.keys) > 1:
        raise SeveralKeys
    (key,) = found.keys
    plain = key.open(password) if isinstance(key, Encrypted) else key
    return key_store(FORMAT, plain, found.certificates, found.trusted)


def _trust_store(found: Found, password: Password) -> TrustStore:
    if found.keys:
        raise TrustHoldsKey
    return trust_store(FORMAT, [*found.trusted, *found.certificates])


def _open(data: bytes, password: str, build: Callable[[Found, Password], Result]) -> Result:
    try:
        file = File.read(data)
        ways = [way for way in spellings(password) if file.mac is None or file.mac.fits(way, file.authenticated)]
        for way in ways:
            try:
                return build(file.open(way), way)
            except (WrongPassword, Damaged, ValueError, IndexError) as error:
                # Without an integrity code a wrong password can pass for a right one until the bags are read.
                if file.mac is None:
                    continue
                raise (OtherKeyPassword if isinstance(error, WrongPassword) else Damaged) from None
    except (ValueError, IndexError):
        raise Damaged from None
    raise WrongPassword
