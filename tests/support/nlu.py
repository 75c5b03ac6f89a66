"""NLU credentials as the providers hand them out, and their token endpoints as they behave.

key = service_account_key()                        # one RSA key for the whole run
text = google_json(token_uri=server.url("/token"))
server.on("/token", google_token_endpoint(key, server.url("/token")))      # it verifies the signature
server.on("/identity/token", iam_endpoint(API_KEY))
"""

import functools
import itertools
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from credentials.models import Credential
from credentials.services.add import add
from tests.support.journeys import access_of
from tests.support.lying_server import Answer, Recorded, error_answer, json_answer
from tests.support.people import Cast

KIND = "third_party_nlu"
API_KEY = "canary-api-key-44"
PASSWORD = "canary-watson-pässword"
PROJECT, EMAIL = "golden-gate-travel", "trainer@golden-gate-travel.iam.gserviceaccount.com"
WATSON_URL = "https://api.us-south.assistant.watson.cloud.ibm.com/instances/6f1c"


@functools.cache
def service_account_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def google_json(**changes: Any) -> str:
    """A service account's key file, as Google's console makes it; a member that is None is left out."""
    document = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0f3a",
        "private_key": pem(service_account_key()),
        "client_email": EMAIL,
        "client_id": "1234567890",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(without_nothing(document | changes), indent=2)


def watson_json(**changes: Any) -> str:
    """Service credentials with an API key."""
    document = {
        "apikey": API_KEY,
        "iam_apikey_name": "Auto-generated service credentials",
        "iam_role_crn": "crn:v1:bluemix:public:iam::::serviceRole:Manager",
        "url": WATSON_URL,
    }
    return json.dumps(without_nothing(document | changes))


def watson_pair_json(**changes: Any) -> str:
    """The older service credentials."""
    return json.dumps(without_nothing({"username": "trainer", "password": PASSWORD, "url": WATSON_URL} | changes))


def new_nlu_credential(cast: Cast, text: str, provider: str = "google_dialogflow", name: str = "") -> Credential:
    """As the wizard's last button saves it."""
    return add(
        access_of(cast),
        credential_id=uuid4(),
        name=name or f"Engine {uuid4().hex[:8]}",
        kind=KIND,
        entered={"provider": provider, "credentials": text},
    )


def decoded(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def google_token_endpoint(key: RSAPrivateKey, token_uri: str, *, lifetime: int = 3599) -> Callable[[Recorded], Answer]:
    """RFC 7523 §3 as Google checks it: signature, issuer, audience, times. Tokens are ya29.canary-1, …"""
    numbers = itertools.count(1)

    def answer(request: Recorded) -> Answer:
        form = request.form
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return error_answer("unsupported_grant_type")
        header, claims, signature = form["assertion"].split(".")
        try:
            key.public_key().verify(
                urlsafe_b64decode(signature + "=" * (-len(signature) % 4)),
                f"{header}.{claims}".encode(),
                PKCS1v15(),
                SHA256(),
            )
        except InvalidSignature:
            return error_answer("invalid_grant", "Invalid JWT Signature.")
        said, now = decoded(claims), time.time()
        # Google's own library always names the public endpoint; RFC 7523 asks for the one that is called.
        audiences = (token_uri, "https://oauth2.googleapis.com/token")
        if decoded(header)["alg"] != "RS256" or said["iss"] != EMAIL or said["aud"] not in audiences:
            return error_answer("invalid_grant", "Invalid JWT.")
        if not said["scope"] or not (said["iat"] <= now < said["exp"] <= said["iat"] + 3600):
            return error_answer("invalid_grant", "Token must be a short-lived token.")
        token = f"ya29.canary-{next(numbers)}"
        return json_answer({"access_token": token, "expires_in": lifetime, "token_type": "Bearer"})

    return answer


def iam_endpoint(api_key: str, *, lifetime: int = 3600) -> Callable[[Recorded], Answer]:
    """IBM Cloud's IAM: its own grant type, its own words for a refusal, and no refresh token."""
    numbers = itertools.count(1)

    def answer(request: Recorded) -> Answer:
        form = request.form
        if form.get("grant_type") != "urn:ibm:params:oauth:grant-type:apikey":
            return json_answer({"errorCode": "BXNIM0120E", "errorMessage": "Grant type is unknown."}, status=400)
        if form.get("apikey") != api_key:
            message = "Provided API key could not be found."
            return json_answer({"errorCode": "BXNIM0415E", "errorMessage": message, "context": {}}, status=400)
        return json_answer(
            {
                "access_token": f"canary-iam-{next(numbers)}",
                "refresh_token": "not_supported",
                "token_type": "Bearer",
                "expires_in": lifetime,
                "expiration": int(time.time()) + lifetime,
                "scope": "ibm openid",
            }
        )

    return answer
