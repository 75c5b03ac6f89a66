"""The TLS context of a call: which certificate is shown, whom it trusts, which versions it speaks."""

import base64
import contextlib
import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from credentials.outbound import load_public_authorities
from credentials.types.base import Values

VERSIONS = {
    "TLSv1.1": ("TLS 1.1", ssl.TLSVersion.TLSv1_1),
    "TLSv1.2": ("TLS 1.2", ssl.TLSVersion.TLSv1_2),
    "TLSv1.3": ("TLS 1.3", ssl.TLSVersion.TLSv1_3),
}
DEFAULT = ("TLSv1.2", "TLSv1.1")  # what the specification says a blank choice means


def protocols(chosen: Sequence[str]) -> tuple[str, ...]:
    """The chosen versions, oldest first; the default where nothing is chosen."""
    return tuple(name for name in VERSIONS if name in (chosen or DEFAULT))


def build(chosen: Sequence[str], key: Values, trusted: Sequence[Values]) -> ssl.SSLContext:
    """A client's context. `key` and `trusted` are as `credentials.keystores` writes them to JSON.

    With `trusted`, nothing else is trusted, and each of these ends the chain: an exported server or intermediate
    certificate will do. The host name is verified in any case. Raises `ssl.SSLError` where OpenSSL refuses the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    versions = [VERSIONS[name][1] for name in protocols(chosen)]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    if ssl.TLSVersion.TLSv1_1 in versions:
        # TLS 1.1 signs its handshake with SHA-1, which OpenSSL 3 allows on level 0 only.
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    if trusted:
        context.load_verify_locations(cadata=b"".join(base64.b64decode(entry["der"]) for entry in trusted))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        load_public_authorities(context)
    _show(context, key)
    return context


def _show(context: ssl.SSLContext, key: Values) -> None:
    """Load the key and its chain. OpenSSL reads them from a file only: it gets one without a disk, and encrypted."""
    private = serialization.load_der_private_key(base64.b64decode(key["key"]), None)
    password = secrets.token_hex(32)
    encryption = serialization.BestAvailableEncryption(password.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    for entry in key["chain"]:
        certificate = x509.load_der_x509_certificate(base64.b64decode(entry["der"]))
        pem += certificate.public_bytes(serialization.Encoding.PEM)
    with _as_file(pem) as path:
        context.load_cert_chain(path, password=password)


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path that reads as `content`: in memory on Linux, elsewhere a file of this user alone that goes at once."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield path
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)  # noqa: PTH108 - the counterpart of mkstemp


def trusted_of(material_secrets: Values) -> list[dict[str, Any]]:
    """Whom to trust: the uploaded certificates, else those of the keystore, else nobody in particular."""
    uploaded = material_secrets.get("trust_certificate")
    return list(uploaded["certificates"] if uploaded else material_secrets["key_certificate"]["trusted"])
