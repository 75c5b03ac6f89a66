"""What a person enters for a Mutual Authentication credential."""

from collections.abc import Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.support.pki import Issued, issue
from tests.types.contract import Sample

PASSWORD = "canary-key-password"


def pkcs12_of(issued: Issued, password: str = PASSWORD, *, extra: Sequence[Issued] = ()) -> bytes:
    """A PKCS12 file, made without any program, with `extra` certificates beside those above."""
    above = [entry.certificate for entry in (*issued.above, *extra)]
    encryption = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"bot", issued.key, issued.certificate, above or None, encryption)


CLIENT = issue("bot.example.com", issue("Intermediate", issue("Root", authority=True), authority=True))
TRUSTED = issue("Partner CA", authority=True)

MUTUAL = Sample(
    kind="mutual_authentication",
    title="Mutual Authentication",
    steps={
        "certificates": {
            "key_certificate_password": PASSWORD,
            "trust_certificate_password": "canary-trust-password",
            "protocols": ["TLSv1.3", "TLSv1.2"],
        }
    },
    files={"certificates": {"key_certificate": pkcs12_of(CLIENT), "trust_certificate": TRUSTED.pem}},
    secrets=("key_certificate", "trust_certificate"),
    passing=("key_certificate_password", "trust_certificate_password"),
    labels=(
        "Key Certificate",
        "Trust Certificate",
        "Key Certificate Password",
        "Trust Certificate Password",
        "Cryptographic Protocols",
    ),
)
