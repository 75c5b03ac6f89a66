"""An identity provider of consumers, as tests need it: it signs ID tokens, right ones and wrong ones."""

import json
import time
from functools import cache
from typing import Any

from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from credentials.models import ConsumerIdentityProvider
from organizations.models import Account
from tests.support.lying_server import LyingServer, json_answer

CLIENT_ID = "brand-client"
CLIENT_SECRET = "canary-idp-client-secret"
ALICE, BOB = "alice@brand.example", "bob@brand.example"


@cache
def key(name: str = "key-1", kind: str = "RSA", size: int = 2048) -> JWK:
    """A signing key; the same for the same name."""
    if kind == "RSA":
        return JWK.generate(kty="RSA", size=size, kid=name)
    return JWK.generate(kty="EC", crv="P-256", kid=name)


def jwks(*keys: JWK) -> dict[str, Any]:
    return {"keys": [json.loads(each.export_public()) for each in keys or (key(),)]}


def public_pem(signer: JWK) -> str:
    text: bytes = signer.export_to_pem()
    return text.decode()


def id_token(
    issuer: str,
    *,
    signer: JWK | None = None,
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Signed; a claim that is None is left out, a header member too."""
    signer = signer or key()
    now = int(time.time())
    said = {"iss": issuer, "sub": ALICE, "aud": CLIENT_ID, "iat": now, "exp": now + 600} | claims
    head = {"alg": algorithm, "kid": signer.get("kid"), "typ": "JWT"} | (header or {})
    signature = JWS(json.dumps({name: value for name, value in said.items() if value is not None}))
    signature.allowed_algs = [algorithm]
    signature.add_signature(
        signer, None, json.dumps({name: value for name, value in head.items() if value is not None})
    )
    text: str = signature.serialize(compact=True)
    return text


def make_provider(account: Account, server: LyingServer, **columns: Any) -> ConsumerIdentityProvider:
    """One whose issuer, token endpoint and keys are `server`. The keys are already there."""
    server.on("/jwks", json_answer(jwks()))
    provider = ConsumerIdentityProvider(
        account=account,
        **{
            "flow": "code",
            "display_name": "Brand sign-in",
            "issuer": server.url("/idp"),
            "authorization_endpoint": server.url("/authorize"),
            "token_endpoint": server.url("/token"),
            "client_id": CLIENT_ID,
            "verification": "jwks",
            "jwks_url": server.url("/jwks"),
            **columns,
        },
    )
    provider.seal("secrets", {"client_secret": CLIENT_SECRET})
    provider.save()
    return provider
