"""Google Dialogflow: the key of a service account, exchanged for an access token by a signed assertion (RFC 7523).

https://developers.google.com/identity/protocols/oauth2/service-account
"""

import time
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from credentials.oauth import assertion
from credentials.oauth.client import RawAnswer, Transport, request_extension
from credentials.types.base import Fact, Values
from credentials.types.nlu.document import Unfit, require, text_of, token_address_of
from credentials.types.nlu.providers import Provider

# accounts.google.com: the token_uri of keys that were made before 2018.
TOKEN_HOSTS = ("googleapis.com", ".googleapis.com", "accounts.google.com")
ENDPOINT = "https://dialogflow.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/dialogflow"
# Checking a key takes time that grows fast with its size; 4096 bits fit, and Google's own have 2048.
MAX_KEY_CHARACTERS = 4096
SMALLEST_KEY_BITS = 2048


class GoogleDialogflow(Provider):
    """A service account's key file."""

    label = "Google Dialogflow"
    addresses = ("token_uri",)
    has_locations = True
    scope = SCOPE

    def read(self, document: dict[str, Any]) -> dict[str, Any]:
        require(document, ("type", "project_id", "private_key", "client_email", "token_uri"))
        if document["type"] != "service_account":
            raise Unfit("type is not service_account. Make a key for a service account and download it as JSON.")
        private_key(document, check=True)
        return {
            "project_id": text_of(document, "project_id"),
            "client_email": text_of(document, "client_email"),
            "token_uri": token_address_of(document, "token_uri", hosts=TOKEN_HOSTS),
        }

    def secret_texts(self, document: dict[str, Any]) -> list[str]:
        return [str(document["private_key"])]

    def facts(self, payload: Values) -> list[Fact]:
        return [
            Fact("Project ID", payload["project_id"], copyable=True),
            Fact("Client e-mail", payload["client_email"], copyable=True),
            Fact("Token URI", payload["token_uri"]),
            Fact("Location", payload.get("location") or "global"),
        ]

    def client_name(self, payload: Values) -> str:
        return str(payload["client_email"])

    def token_endpoint(self, payload: Values) -> str:
        return str(payload["token_uri"])

    def endpoint(self, payload: Values) -> str:
        location = payload.get("location")
        return ENDPOINT.replace("://", f"://{location}-") if location else ENDPOINT

    def project_id(self, payload: Values) -> str | None:
        return str(payload["project_id"])

    def ask(self, document: dict[str, Any], payload: Values, transport: Transport) -> RawAnswer:
        key_id = document.get("private_key_id")
        signed = assertion.sign(
            private_key(document),
            key_id=key_id if isinstance(key_id, str) else "",
            issuer=payload["client_email"],
            audience=payload["token_uri"],
            now=time.time(),
            claims={"scope": SCOPE},
        )
        return request_extension(
            payload["token_uri"],
            grant_type=assertion.GRANT_TYPE,
            parameters={"assertion": signed},
            transport=transport,
        )


def private_key(document: dict[str, Any], *, check: bool = False) -> RSAPrivateKey:
    """The key of the document; `check`: also that it is sound, which takes half a second at most. Raises `Unfit`."""
    pem = document["private_key"]
    if not isinstance(pem, str) or not pem.isascii() or len(pem) > MAX_KEY_CHARACTERS:
        raise Unfit("private_key is not an RSA key of at most 4096 bits in PEM format.")
    try:
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=not check)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # TypeError: it wants a password. What the library says may quote the key.
        raise Unfit("private_key cannot be read. Paste the JSON as it was downloaded.") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SMALLEST_KEY_BITS:
        raise Unfit(f"private_key is not an RSA key of at least {SMALLEST_KEY_BITS} bits.")
    return key
