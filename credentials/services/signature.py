"""How a webhook's message is signed: Standard Webhooks 1.0 (standardwebhooks.com), symmetric signatures.

`webhook-signature: v1,BASE64` is the HMAC-SHA256 of `ID.TIMESTAMP.BODY` under the bytes of the secret. While a secret
is being replaced there are two, parted by a space: one of them has to be right.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every such secret begins with
SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 256 random bits in base64. Shown once, kept sealed."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(known: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed with each of the `known` secrets.

    `timestamp`: seconds since 1970 of this attempt.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = " ".join(f"v1,{signature_of(secret, content)}" for secret in known)
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: signatures}


def signature_of(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
