"""The key by which the sandbox signs ID tokens: made once, beside its database, for nobody else to read."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def signing_key(path: Path) -> str:
    """The RSA key in PEM. Of several processes that find none at once, the first one's counts."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # A temporary file is the owner's alone from its first byte, and a link never replaces what is there.
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        with suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
    return path.read_text()
