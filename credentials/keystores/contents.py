"""What a file was found to hold, and what of it may be shown."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from credentials.keystores.errors import Damaged, NoCertificate, NothingToTrust, Unsupported

LONGEST_NAME = 300
MOST_CERTIFICATES = 100


@dataclass(frozen=True)
class CertificateFacts:
    """What may be shown of a certificate. Times are ISO 8601 in UTC; `sha256` is the fingerprint in hex."""

    subject: str
    issuer: str
    not_before: str
    not_after: str
    key: str
    sha256: str


@dataclass(frozen=True)
class Certificate:
    """A certificate (DER) and its facts."""

    facts: CertificateFacts
    der: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"facts": vars(self.facts), "der": base64.b64encode(self.der).decode()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Certificate":
        return cls(CertificateFacts(**value["facts"]), base64.b64decode(value["der"]))


@dataclass(frozen=True)
class TrustStore:
    """Certificates to trust. `format` is "PEM", "DER", "PKCS12" or "JKS"."""

    format: str
    certificates: tuple[Certificate, ...]

    def to_json(self) -> dict[str, Any]:
        return {"format": self.format, "certificates": [entry.to_json() for entry in self.certificates]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TrustStore":
        return cls(value["format"], tuple(map(Certificate.from_json, value["certificates"])))


@dataclass(frozen=True)
class KeyStore:
    """One private key (PKCS #8, DER), its certificate and those above it, and the certificates stored to be trusted."""

    format: str
    key: bytes = field(repr=False)
    chain: tuple[Certificate, ...]
    trusted: tuple[Certificate, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "key": base64.b64encode(self.key).decode(),
            "chain": [entry.to_json() for entry in self.chain],
            "trusted": [entry.to_json() for entry in self.trusted],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "KeyStore":
        chain, trusted = (tuple(map(Certificate.from_json, value[name])) for name in ("chain", "trusted"))
        return cls(value["format"], base64.b64decode(value["key"]), chain, trusted)


def load(der: bytes) -> x509.Certificate:
    """Raises `Damaged`."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise Damaged from None


def describe(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(serialization.Encoding.DER)
    try:
        facts = CertificateFacts(
            subject=_name(certificate.subject),
            issuer=_name(certificate.issuer),
            not_before=certificate.not_valid_before_utc.isoformat(),
            not_after=certificate.not_valid_after_utc.isoformat(),
            key=key_type(certificate),
            sha256=hashlib.sha256(der).hexdigest(),
        )
    except ValueError:
        raise Damaged from None
    return Certificate(facts, der)


def _name(name: x509.Name) -> str:
    text = "".join(char if char.isprintable() else "�" for char in name.rfc4514_string())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def key_type(certificate: x509.Certificate) -> str:
    """ "RSA, 2048 bits", "EC, secp256r1", or the name of another kind."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA, {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC, {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")


def key_store(kind: str, key_der: bytes, certificates: Sequence[bytes], trusted: Iterable[bytes]) -> KeyStore:
    """Put together what a file held: the leaf is the certificate of the key, then its issuers as far as they are there.

    `trusted` are the certificates that the file marks as trusted. One that is neither marked nor above the leaf can be
    there for that purpose only, so it counts as trusted too. Raises `NoCertificate`, `Damaged` and `Unsupported`.
    """
    try:
        key = serialization.load_der_private_key(key_der, None)
        public = _spki(key.public_key())
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    except UnsupportedAlgorithm:
        raise Unsupported("The private key is of a kind that is not supported; use RSA or EC.") from None
    except (ValueError, TypeError):
        raise Damaged from None
    loaded = [load(der) for der in dict.fromkeys(certificates)]
    marked = [load(der) for der in dict.fromkeys(trusted)]
    if len(loaded) + len(marked) > MOST_CERTIFICATES:
        raise Unsupported(f"The file holds more than {MOST_CERTIFICATES} certificates.")
    leaf = next((entry for entry in [*loaded, *marked] if _key_of(entry) == public), None)
    if leaf is None:
        raise NoCertificate
    chain = _chain(leaf, loaded)
    others = [entry for entry in loaded if entry not in chain]
    trust = dict.fromkeys([*marked, *others])
    return KeyStore(kind, plain, tuple(map(describe, chain)), tuple(map(describe, trust)))


def trust_store(kind: str, certificates: Iterable[bytes]) -> TrustStore:
    """Raises `NothingToTrust`, `Damaged` and `Unsupported`."""
    found = [load(der) for der in dict.fromkeys(certificates)]
    if not found:
        raise NothingToTrust
    if len(found) > MOST_CERTIFICATES:
        raise Unsupported(f"The file holds more than {MOST_CERTIFICATES} certificates.")
    return TrustStore(kind, tuple(map(describe, found)))


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _key_of(certificate: x509.Certificate) -> bytes | None:
    try:
        return _spki(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _chain(leaf: x509.Certificate, among: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    chain = [leaf]
    while chain[-1].issuer != chain[-1].subject:
        above = next((entry for entry in among if entry not in chain and _issued(entry, chain[-1])), None)
        if above is None:
            break
        chain.append(above)
    return chain


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
