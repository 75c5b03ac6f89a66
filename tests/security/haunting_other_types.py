"""The same for the types that are not OAuth 2.0: what is typed, mistyped, attached, handed out and refused."""

import uuid
from urllib.parse import urlsplit

import requests

from tests.security.haunting import AWKWARD, FAILURES, Haunted
from tests.support.inside import Inside
from tests.support.journeys import Visitor, bot_token
from tests.support.lying_server import Recorded, json_answer, token_answer
from tests.support.nlu import google_json, pem, service_account_key, watson_json, watson_pair_json
from tests.support.pki import issue
from tests.types.mutual_samples import pkcs12_of

Fields = dict[str, str]


def haunt_other_types(haunted: Haunted, alice: Visitor) -> None:
    hand_out(haunted, alice, "basic_authentication", basic(haunted), {"user_name": "a:b"})
    hand_out(haunted, alice, "access_token", access_token(haunted), {"token_type": "no type"})
    show_certificates(haunted, alice)
    haunted.cage.keep("line of a private key", pem(service_account_key()).splitlines()[7])
    train(haunted, alice, google(haunted))
    train(haunted, alice, watson(haunted))
    pair = watson_pair_json(password=haunted.cage.new("Watson password", around="{}+/=&%"))
    train(haunted, alice, {"provider": "ibm_watson", "credentials": pair})


def basic(haunted: Haunted) -> Fields:
    return {"user_name": "bot", "user_password": haunted.cage.new("user password", around=f"{{}}{AWKWARD[:7]}")}


def access_token(haunted: Haunted) -> Fields:
    return {"access_token": haunted.cage.new("typed access token"), "token_type": "Bearer"}


def show_certificates(haunted: Haunted, alice: Visitor) -> None:
    """Uploads that are refused, one that is looked at and saved, an edit, and calls that come to nothing."""
    client, password = issue("bot.example.com"), haunted.cage.new("keystore password", around="{}+ü/=&%")
    haunted.cage.keep("line of a keystore's key", client.key_pem.decode().splitlines()[1])
    store = {"key_certificate": pkcs12_of(client, password)}
    mistyped = haunted.cage.new("mistyped keystore password")
    step = alice.step(
        alice.post(alice.credentials_url("add/"), {"name": "Certificates", "kind": "mutual_authentication"})
    )
    for name, fields, files in (
        ("mistyped password", {"key_certificate_password": mistyped}, store),
        ("no keystore", {"key_certificate_password": password}, {"key_certificate": client.key_pem}),
        ("a key to trust", {"key_certificate_password": password}, {**store, "trust_certificate": client.key_pem}),
    ):
        answer = alice.post(step, fields, files=files)
        assert "There is a problem" in answer.text, name
        haunted.pages[f"certificates, {name}"] = answer.text + str(answer.headers)
    looked_at = alice.get(
        alice.step(alice.post(step, {"key_certificate_password": password, "check": "1"}, files=store))
    )
    assert "CN=bot.example.com" in looked_at.text
    haunted.pages["certificates, looked at"] = looked_at.text + str(looked_at.headers)
    alice.step(alice.post(step))
    credential_id = step.rstrip("/").split("/")[-2]
    edit = alice.credentials_url(f"{credential_id}/edit/")
    answer = alice.post(edit, {"name": "Certificates", "key_certificate_password": mistyped}, files=store)
    assert "There is a problem" in answer.text
    haunted.pages["certificates, edit"] = answer.text + str(answer.headers)
    refused = bot_token(haunted.product.url, haunted.stage, credential_id)
    assert refused.status_code == 422
    haunted.errors["mutual_authentication: no token"] = refused.text + str(refused.headers)
    # There is no TLS: the handshake ends before a certificate was shown.
    integration = attach(haunted, credential_id, haunted.resource.url("/mirror").replace("http://", "https://"))
    page = f"/organizations/{haunted.stage.organization_id}/integrations/{integration}/"
    answer = haunted.visitor("dana").post(f"{page}test/", page=page)
    assert "private key ••••" in answer.text
    haunted.pages["test request, mutual_authentication"] = answer.text + str(answer.headers)


def attach(haunted: Haunted, credential_id: str, url: str) -> str:
    """The id of an integration that sends this credential there."""
    fields = {"bot": haunted.stage.bot_id, "method": "GET", "url": url, "credential": credential_id}
    return made(haunted.visitor("alice"), "integrations", fields)


def made(alice: Visitor, what: str, fields: Fields) -> str:
    """The id of a new row, made on its page."""
    page = f"/organizations/{alice.stage.organization_id}/{what}/add/"
    answer = alice.post(page, {"name": uuid.uuid4().hex[:8], **fields})
    return urlsplit(alice.step(answer)).path.rstrip("/").rpartition("/")[2]


def google(haunted: Haunted) -> Fields:
    return {"provider": "google_dialogflow", "credentials": google_json(token_uri=haunted.resource.url("/nlu"))}


def watson(haunted: Haunted) -> Fields:
    text = watson_json(apikey=haunted.cage.new("API key"), iam_url=haunted.resource.url("/nlu"))
    return {"provider": "ibm_watson", "credentials": text}


def add(haunted: Haunted, alice: Visitor, kind: str, fields: Fields, mistake: Fields) -> str:
    """Walk the wizard, mistyping once. The id of the credential."""
    name = f"{kind} {uuid.uuid4().hex[:6]}"
    step = alice.step(alice.post(alice.credentials_url("add/"), {"name": name, "kind": kind}))
    answer = alice.post(step, {**fields, **mistake})
    assert "There is a problem" in answer.text
    haunted.pages[f"wizard, {name}"] = answer.text + str(answer.headers)
    assert alice.post(step, fields).status_code == 303
    return step.rstrip("/").split("/")[-2]


def hand_out(haunted: Haunted, alice: Visitor, kind: str, fields: Fields, mistake: Fields) -> None:
    credential_id = add(haunted, alice, kind, fields, mistake)
    assert bot_token(haunted.product.url, haunted.stage, credential_id).status_code == 200

    def mirror(request: Recorded) -> object:
        return json_answer({"headers": request.headers}, headers={"X-Echo": request.headers["authorization"]})

    haunted.resource.on("/mirror", mirror)  # type: ignore[arg-type]
    integration = attach(haunted, credential_id, haunted.resource.url("/mirror"))
    page = f"/organizations/{haunted.stage.organization_id}/integrations/{integration}/"
    answer = haunted.visitor("dana").post(f"{page}test/", page=page)
    assert "••••" in answer.text
    haunted.pages[f"test request, {kind}"] = answer.text + str(answer.headers)


def train(haunted: Haunted, alice: Visitor, fields: Fields) -> None:
    """Every failure once and then a token, each with a credential and a domain of its own."""
    permanent = "password" in fields["credentials"]
    for failure, reply in {} if permanent else FAILURES.items():
        Inside(haunted.product).end_outages()
        haunted.resource.on("/nlu", lambda request, reply=reply: reply(request, haunted.cage))
        answer = ask(haunted, alice, fields)
        assert answer.status_code in (409, 503), failure
        haunted.errors[f"{fields['provider']}: {failure}"] = answer.text + str(answer.headers)
    Inside(haunted.product).end_outages()
    haunted.resource.on("/nlu", lambda request: token_answer(haunted.cage.new("NLU access token")))
    assert ask(haunted, alice, fields).status_code == 200


def ask(haunted: Haunted, alice: Visitor, fields: Fields) -> requests.Response:
    credential_id = add(haunted, alice, "third_party_nlu", fields, {"credentials": fields["credentials"] + "}"})
    domain = made(alice, "domains", {"credential": credential_id})
    return requests.post(
        f"{haunted.product.url}/api/v1/domains/{domain}/credentials",
        headers={"Authorization": f"Bearer {haunted.stage.service_token}"},
        timeout=60,
    )
