"""Authorities and certificates of every kind that tests need, as PEM."""

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificates above it that a server or client sends along."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple["Issued", ...] = ()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain_pem(self) -> bytes:
        return self.pem + b"".join(entry.pem for entry in self.above)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def issue(
    name: str,
    signer: Issued | None = None,
    *,
    kind: str = "EC",
    days: float = 365,
    begins: float = -30,
    authority: bool = False,
) -> Issued:
    """A certificate for `name`, a host, an IP address or the name of somebody; times are days from now.

    `kind` is "EC", "RSA" or "RSA 1024". Without a signer it signs itself. An authority that was signed is sent along by
    what it signs.
    """
    key: PrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "EC"
        else rsa.generate_private_key(65537, 1024 if kind.endswith("1024") else 2048)
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name.replace(" ", "-").encode("idna").decode())
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    above = () if signer is None or _is_root(signer) else (signer, *signer.above)
    return Issued(builder.sign(signer.key if signer else key, hashes.SHA256()), key, above)


def _is_root(issued: Issued) -> bool:
    return issued.certificate.issuer == issued.certificate.subject
