"""DER, written: enough to make keystores that no program would make."""

from tests.support.pki import Issued

PBES2, PBKDF2, HMAC_SHA256 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.2.840.113549.2.9"
AES_256, SHA1_3DES, SHA256 = "2.16.840.1.101.3.4.1.42", "1.2.840.113549.1.12.1.3", "2.16.840.1.101.3.4.2.1"
DATA, ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
BAG = "1.2.840.113549.1.12.10.1."


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size, "big") + content


def endless(tag: int, *parts: bytes) -> bytes:
    """The same with an indefinite length (X.690 §8.1.3.6)."""
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(content: bytes) -> bytes:
    return tlv(4, content)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *rest):
        piece = [arc & 0x7F]
        while arc := arc >> 7:
            piece.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(piece))
    return tlv(6, bytes(encoded))


def pbes2(iterations: int) -> bytes:
    derivation = sequence(oid(PBKDF2), sequence(octets(b"salt"), integer(iterations), sequence(oid(HMAC_SHA256))))
    return sequence(oid(PBES2), sequence(derivation, sequence(oid(AES_256), octets(bytes(16)))))


def older(iterations: int, scheme: str = SHA1_3DES) -> bytes:
    return sequence(oid(scheme), sequence(octets(b"saltsalt"), integer(iterations)))


def mac(iterations: int) -> bytes:
    return sequence(sequence(sequence(oid(SHA256)), octets(bytes(32))), octets(b"salt"), integer(iterations))


def data(content: bytes) -> bytes:
    return sequence(oid(DATA), tlv(0xA0, octets(content)))


def encrypted(algorithm: bytes, content: bytes = bytes(16)) -> bytes:
    return sequence(oid(ENCRYPTED), tlv(0xA0, sequence(integer(0), sequence(oid(DATA), algorithm, tlv(0x80, content)))))


def bag(kind: int, content: bytes) -> bytes:
    return sequence(oid(f"{BAG}{kind}"), tlv(0xA0, content))


def shrouded(algorithm: bytes) -> bytes:
    return bag(2, sequence(algorithm, octets(bytes(16))))


def plain_key(issued: Issued) -> bytes:
    return bag(1, issued.key_der)


def certificate(issued: Issued) -> bytes:
    return bag(3, sequence(oid("1.2.840.113549.1.9.22.1"), tlv(0xA0, octets(issued.der))))


def pfx(*safes: bytes, integrity: bytes = b"") -> bytes:
    return sequence(integer(3), data(sequence(*safes)), integrity)
