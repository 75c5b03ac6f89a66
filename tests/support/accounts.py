"""An authorization server that says who granted access, by ID tokens as a token endpoint hands them out."""

import base64
import json
import time
from typing import Any

from credentials.models import Authorization, Credential
from credentials.services import exchange
from tests.support.journeys import received_authorization
from tests.support.lying_server import Answer, LyingServer, token_answer
from tests.support.people import Cast

ISSUER = "https://as.example.com"


def id_token(subject: object = "1", **claims: Any) -> str:
    """Its signature is nonsense: what comes straight from the token endpoint is believed without it."""
    body = {"iss": ISSUER, "sub": subject, "aud": "client-1", "iat": int(time.time()), "exp": int(time.time()) + 600}
    parts = ({"alg": "RS256", "kid": "k"}, {**body, **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def granted_by(subject: object, access_token: str, **members: Any) -> Answer:
    """A token endpoint's answer with the ID token of one account, known by an e-mail address."""
    who = id_token(subject, email=f"{subject}@example.com")
    return token_answer(access_token, **{"refresh_token": f"canary-rt-of-{access_token}", "id_token": who, **members})


def authorize_as(cast: Cast, credential: Credential, server: LyingServer, answer: Answer) -> Authorization:
    """Go through a whole authorization that the token endpoint answers like that."""
    server.on("/token", answer)
    authorization_id = received_authorization(cast, credential)
    assert exchange.exchange(authorization_id)
    credential.refresh_from_db()
    return Authorization.objects.select_related("credential__organization", "user").get(pk=authorization_id)
