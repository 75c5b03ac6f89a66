"""Key stores and certificates that somebody uploads: told by their bytes, opened in a child process.

`open_key_store` and `open_trust_store` are the way in; what goes wrong is a `Refused` with one plain sentence.
"""

from credentials.keystores.child import open_key_store, open_trust_store
from credentials.keystores.contents import CertificateFacts, KeyStore, TrustStore
from credentials.keystores.errors import MAX_BYTES, Refused, WrongPassword

__all__ = [
    "MAX_BYTES",
    "CertificateFacts",
    "KeyStore",
    "Refused",
    "TrustStore",
    "WrongPassword",
    "open_key_store",
    "open_trust_store",
]
