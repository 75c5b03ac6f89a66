"""Certificates to trust as plain files: PEM with one or several, or DER."""

import base64
import binascii
import re

from credentials.keystores.contents import TrustStore, trust_store
from credentials.keystores.errors import Damaged, NothingToTrust, TrustHoldsKey

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
CERTIFICATE = (b"CERTIFICATE", b"X509 CERTIFICATE")


def open_pem(data: bytes) -> TrustStore:
    """Text between the blocks is passed over, as RFC 7468 §2 has it. Raises `Refused`."""
    blocks = BLOCK.findall(data)
    if any(label.endswith(b"PRIVATE KEY") for label, _ in blocks):
        raise TrustHoldsKey
    bodies = [body for label, body in blocks if label in CERTIFICATE]
    if not bodies:
        raise Damaged if b"-----BEGIN CERTIFICATE-----" in data else NothingToTrust
    if len(bodies) != sum(data.count(b"-----BEGIN " + label + b"-----") for label in CERTIFICATE):
        raise Damaged
    try:
        return trust_store("PEM", [base64.b64decode(b"".join(body.split()), validate=True) for body in bodies])
    except binascii.Error:
        raise Damaged from None


def open_der(data: bytes) -> TrustStore:
    """One certificate in binary form. Raises `Refused`."""
    return trust_store("DER", [data])
