"""Credentials of the types that nobody authorizes, entered without a browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.e2e.scene import Scene
from tests.support.nlu import google_json
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of

ACCOUNT = "12345566"


@dataclass(frozen=True)
class Entry:
    """How a credential of a type is entered after its first step."""

    label: str
    fields: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)


def entries(scene: Scene) -> dict[str, Entry]:
    """One of each type, by kind."""
    callback = quote(f"{scene.product.url}/callback/{ACCOUNT}/redirectedCode", safe="")
    url = f"{scene.sandbox.authorization_url}?client_id=brand&response_type=code&scope=openid&redirect_uri={callback}"
    return {
        "basic_authentication": Entry("Basic Authentication", {"user_name": "bot", "user_password": "canary-password"}),
        "access_token": Entry("Access Token", {"access_token": "canary-token", "token_type": "Bearer"}),
        "mutual_authentication": Entry(
            "Mutual Authentication",
            {"key_certificate_password": PASSWORD},
            {"key_certificate": pkcs12_of(CLIENT), "trust_certificate": TRUSTED.pem},
        ),
        "third_party_nlu": Entry("Third-party NLU", {"provider": "google_dialogflow", "credentials": google_json()}),
        "consumer_authentication": Entry("Consumer Authentication", {"authentication_url": url}),
    }


KINDS = (
    "basic_authentication",
    "access_token",
    "mutual_authentication",
    "third_party_nlu",
    "consumer_authentication",
)


def saved(scene: Scene, kind: str, name: str, **fields: str) -> str:
    """The id of a new credential; `fields` replace those of its entry."""
    bob, entry = scene.visitor("bob"), entries(scene)[kind]
    step = bob.step(bob.post(scene.url("credentials/add/"), {"name": name, "kind": kind}))
    bob.step(bob.post(step, {**entry.fields, **fields}, files=entry.files))
    return step.rstrip("/").split("/")[-2]
