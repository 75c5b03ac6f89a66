"""Decryption under a password, as PKCS #12 files use it: PBES2 (RFC 8018 §6.2) and the older schemes (RFC 7292 App. C).

How many iterations a scheme asks for is read before anything is derived.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from credentials.keystores import rc2
from credentials.keystores.der import INTEGER, OCTET_STRING, SEQUENCE, Node
from credentials.keystores.errors import MAX_ITERATIONS, Damaged, TooExpensive, Unsupported, WrongPassword

PBES2, PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
HMACS = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# RFC 7292 App. B.3: what the derived bytes are for.
FOR_KEY, FOR_VECTOR, FOR_MAC = 1, 2, 3


@dataclass(frozen=True)
class Password:
    """One way to write a password as bytes: UTF-16 for PKCS #12 itself, UTF-8 for PBES2."""

    wide: bytes = field(repr=False)
    plain: bytes = field(repr=False)


def spellings(password: str) -> list[Password]:
    """The ways in which exporters write one password, the standard's first."""
    plain = password.encode("utf-8", "surrogatepass")
    standard = password.encode("utf-16-be", "surrogatepass") + b"\0\0"
    # OpenSSL before 1.1.0 widened each byte of a UTF-8 password on its own.
    widened = plain.decode("latin-1").encode("utf-16-be") + b"\0\0"
    ways = [Password(standard, plain), Password(widened, plain)]
    if not password:
        ways.append(Password(b"", b""))  # no password at all, as against an empty one
    return list(dict.fromkeys(ways))


def bounded(iterations: int) -> int:
    """Raises `TooExpensive` and `Damaged`."""
    if iterations > MAX_ITERATIONS:
        raise TooExpensive
    if iterations < 1:
        raise Damaged
    return iterations


def derive(digest: str, password: bytes, salt: bytes, iterations: int, purpose: int, length: int) -> bytes:
    """RFC 7292 Appendix B.2: `length` bytes."""
    block = hashlib.new(digest, usedforsecurity=False).block_size
    start = bytes([purpose]) * block + b"".join(_repeat(part, block) for part in (salt, password))
    derived = b""
    while True:
        chunk = start
        for _ in range(bounded(iterations)):
            chunk = hashlib.new(digest, chunk, usedforsecurity=False).digest()
        derived += chunk
        if len(derived) >= length:
            return derived[:length]
        step = int.from_bytes(_repeat(chunk, block)[:block], "big") + 1
        parts = [start[:block]]
        for position in range(block, len(start), block):
            value = int.from_bytes(start[position : position + block], "big") + step
            parts.append((value % (1 << 8 * block)).to_bytes(block, "big"))
        start = b"".join(parts)


def _repeat(part: bytes, block: int) -> bytes:
    """`part` again and again up to a whole number of blocks."""
    length = -(-len(part) // block) * block
    return (part * (length // len(part) + 1))[:length] if part else b""


@dataclass(frozen=True)
class Older:
    """A scheme of RFC 7292 Appendix C."""

    key_bytes: int
    decrypt: Callable[[bytes, bytes, bytes], bytes]


def _triple_des(key: bytes, vector: bytes, data: bytes) -> bytes:
    return _cbc(TripleDES(key), vector, data)


def _cbc(cipher: TripleDES | algorithms.AES, vector: bytes, data: bytes) -> bytes:
    try:
        decryptor = Cipher(cipher, modes.CBC(vector)).decryptor()
        return decryptor.update(data) + decryptor.finalize()
    except ValueError:
        raise Damaged from None


def _rc2(bits: int) -> Callable[[bytes, bytes, bytes], bytes]:
    return lambda key, vector, data: rc2.decrypt_cbc(key, bits, vector, data)


OLDER = {
    "1.2.840.113549.1.12.1.3": Older(24, _triple_des),
    "1.2.840.113549.1.12.1.4": Older(16, lambda key, vector, data: _triple_des(key + key[:8], vector, data)),
    "1.2.840.113549.1.12.1.5": Older(16, _rc2(128)),
    "1.2.840.113549.1.12.1.6": Older(5, _rc2(40)),
}
# OID of PBES2's cipher -> (bytes of its key, its constructor, bits of a block).
CIPHERS: dict[str, tuple[int, type[TripleDES] | type[algorithms.AES], int]] = {
    "1.2.840.113549.3.7": (24, TripleDES, 64),
    "2.16.840.1.101.3.4.1.2": (16, algorithms.AES, 128),
    "2.16.840.1.101.3.4.1.22": (24, algorithms.AES, 128),
    "2.16.840.1.101.3.4.1.42": (32, algorithms.AES, 128),
}


@dataclass(frozen=True)
class Pbkdf2:
    """RFC 8018 Appendix A.2."""

    salt: bytes
    iterations: int
    key_bytes: int | None
    digest: str

    @classmethod
    def read(cls, algorithm: Node) -> "Pbkdf2":
        """Raises `Unsupported`, `TooExpensive` and `Damaged`."""
        identifier, parameters = _algorithm(algorithm)
        if identifier != PBKDF2:
            raise Unsupported("The file is encrypted with a key derivation that is not supported; use PBKDF2.")
        salt, count, *rest = parameters.sequence()
        key_bytes = next((node.integer() for node in rest if node.tag == INTEGER), None)
        prf = next((node.sequence()[0].oid() for node in rest if node.tag == SEQUENCE), "1.2.840.113549.2.7")
        if prf not in HMACS:
            raise Unsupported("The file is encrypted with a digest that is not supported; use SHA-256.")
        return cls(salt.expect(OCTET_STRING).content, bounded(count.integer()), key_bytes, HMACS[prf])

    def derive(self, password: bytes, length: int) -> bytes:
        return hashlib.pbkdf2_hmac(self.digest, password, self.salt, self.iterations, length)


def _algorithm(node: Node) -> tuple[str, Node]:
    """AlgorithmIdentifier (RFC 5280 §4.1.1.2)."""
    parts = node.sequence()
    if len(parts) != 2:
        raise Damaged
    return parts[0].oid(), parts[1]


def check(algorithm: Node) -> None:
    """Raises `TooExpensive` and `Unsupported`, without deriving anything."""
    identifier, parameters = _algorithm(algorithm)
    if identifier == PBES2:
        derivation, cipher = parameters.sequence()
        Pbkdf2.read(derivation)
        known = cipher.sequence()[0].oid() in CIPHERS
    else:
        known = identifier in OLDER
        if known:
            bounded(parameters.sequence()[1].integer())
    if not known:
        raise Unsupported("The file is encrypted with a cipher that is not supported; use AES-256.")


def decrypt(algorithm: Node, password: Password, data: bytes) -> bytes:
    """Raises `WrongPassword` where what comes out does not end as it should; `check` is made first."""
    check(algorithm)
    identifier, parameters = _algorithm(algorithm)
    if identifier == PBES2:
        derivation, cipher = parameters.sequence()
        name, vector = _algorithm(cipher)
        length, constructor, block_bits = CIPHERS[name]
        key = Pbkdf2.read(derivation).derive(password.plain, length)
        plain = _cbc(constructor(key), vector.octet_string(), data)
    else:
        salt, count = (node for node in parameters.sequence()[:2])
        scheme, octets, iterations = OLDER[identifier], salt.octet_string(), count.integer()
        key = derive("sha1", password.wide, octets, iterations, FOR_KEY, scheme.key_bytes)
        vector_octets = derive("sha1", password.wide, octets, iterations, FOR_VECTOR, 8)
        block_bits, plain = 64, scheme.decrypt(key, vector_octets, data)
    unpadder = PKCS7(block_bits).unpadder()
    try:
        return unpadder.update(plain) + unpadder.finalize()
    except ValueError:
        raise WrongPassword from None


@dataclass(frozen=True)
class Mac:
    """MacData of a PKCS #12 file (RFC 7292 §4, App. A)."""

    digest: str
    expected: bytes
    salt: bytes
    iterations: int
    derivation: Pbkdf2 | None = None

    @classmethod
    def read(cls, node: Node) -> "Mac":
        """Raises `TooExpensive`, `Unsupported` and `Damaged`."""
        info, salt, *count = node.sequence()
        algorithm, expected = info.sequence()
        identifier, *parameters = algorithm.sequence()
        name = identifier.oid()
        iterations = bounded(count[0].integer()) if count else 1
        if name == "1.2.840.113549.1.5.14":  # PBMAC1 (RFC 9579)
            derivation, scheme = parameters[0].sequence()
            digest = HMACS.get(scheme.sequence()[0].oid(), "")
            return cls(digest or _unknown(), expected.octet_string(), b"", 1, Pbkdf2.read(derivation))
        return cls(DIGESTS.get(name) or _unknown(), expected.octet_string(), salt.octet_string(), iterations)

    def fits(self, password: Password, data: bytes) -> bool:
        if self.derivation:
            key = self.derivation.derive(password.plain, self.derivation.key_bytes or len(self.expected))
        else:
            size = hashlib.new(self.digest, usedforsecurity=False).digest_size
            key = derive(self.digest, password.wide, self.salt, self.iterations, FOR_MAC, size)
        return hmac.compare_digest(hmac.new(key, data, self.digest).digest(), self.expected)


def _unknown() -> str:
    raise Unsupported("The integrity of the file is protected by a digest that is not supported; use SHA-256.")
