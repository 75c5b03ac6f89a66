"""Open what was uploaded, whatever its format. `key_store` and `trust_store` run in the child process; see `child`."""

from credentials.keystores import jks, pem, pkcs12
from credentials.keystores.contents import KeyStore, TrustStore
from credentials.keystores.errors import MAX_BYTES, Damaged, Refused, TooExpensive, TooLarge, Unsupported
from credentials.keystores.sniff import Format, sniff

JCEKS = "The file is a JCEKS keystore, which is not supported. Convert it with keytool -importkeystore to PKCS12."


def key_store(data: bytes, password: str) -> KeyStore:
    """Raises `Refused`."""
    match _format(data):
        case Format.PKCS12:
            return pkcs12.open_key_store(data, password)
        case Format.JKS:
            return jks.open_key_store(data, password)
        case Format.JCEKS:
            raise Unsupported(JCEKS)
        case Format.PEM:
            raise Unsupported("The file is in PEM format. Convert it with openssl pkcs12 -export to PKCS12.")
        case Format.CERTIFICATE:
            raise Unsupported("The file is a certificate without a private key. Upload a PKCS12 or JKS keystore.")
        case Format.OTHER_DER:
            raise Damaged
    raise Unsupported("The file is neither a PKCS12 nor a JKS keystore.")


def trust_store(data: bytes, password: str) -> TrustStore:
    """Raises `Refused`."""
    match _format(data):
        case Format.PEM:
            return pem.open_pem(data)
        case Format.CERTIFICATE:
            return pem.open_der(data)
        case Format.PKCS12:
            return pkcs12.open_trust_store(data, password)
        case Format.JKS:
            return jks.open_trust_store(data, password)
        case Format.JCEKS:
            raise Unsupported(JCEKS)
        case Format.OTHER_DER:
            raise Damaged
    raise Unsupported("The file is neither a certificate (PEM or DER) nor a truststore (PKCS12 or JKS).")


def check_cost(data: bytes) -> None:
    """Raises `TooExpensive` for what stands in the open, in milliseconds: nothing is derived, and no process is needed.

    Whatever else is wrong with the file is for the opening to say.
    """
    if len(data) <= MAX_BYTES and sniff(data) is Format.PKCS12:
        try:
            pkcs12.File.read(data)
        except TooExpensive:
            raise
        except (Refused, ValueError, IndexError):
            return


def _format(data: bytes) -> Format:
    if len(data) > MAX_BYTES:
        raise TooLarge
    return sniff(data)
