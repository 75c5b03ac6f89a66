"""What a file is, told by its bytes; its name is not looked at."""

import enum

from credentials.keystores import jks
from credentials.keystores.der import INTEGER, SEQUENCE, Node, read
from credentials.keystores.errors import Damaged

JCEKS_MAGIC = b"\xce\xce\xce\xce"


class Format(enum.Enum):
    """The formats that are told apart. Not every one can be opened."""

    PKCS12 = "PKCS12"
    JKS = "JKS"
    JCEKS = "JCEKS"
    PEM = "PEM"
    CERTIFICATE = "DER"
    OTHER_DER = "other DER"
    UNKNOWN = "unknown"


def sniff(data: bytes) -> Format:
    if data.startswith(jks.MAGIC):
        return Format.JKS
    if data.startswith(JCEKS_MAGIC):
        return Format.JCEKS
    if b"-----BEGIN " in data:
        return Format.PEM
    if not data.startswith(bytes([SEQUENCE])):
        return Format.UNKNOWN
    try:
        return _der(read(data).children())
    except Damaged:
        return Format.OTHER_DER


def _der(parts: list[Node]) -> Format:
    if parts and parts[0].tag == INTEGER and parts[0].content == b"\x03":
        return Format.PKCS12  # PFX: version 3 comes first (RFC 7292 §4)
    if len(parts) == 3 and [part.tag for part in parts[:2]] == [SEQUENCE, SEQUENCE]:
        return Format.CERTIFICATE  # RFC 5280 §4.1: what is signed, how, and the signature
    return Format.OTHER_DER
