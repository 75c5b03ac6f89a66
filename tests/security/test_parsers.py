"""Whatever somebody else writes is read to its end or refused in our words: no failure, no hang, nothing told.

Hypothesis makes the inputs, the same ones each time.
"""

import base64
import json
import string
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credentials.keystores import Refused, opening
from credentials.keystores.errors import TooExpensive
from credentials.models import Authorization, ConsumerChallenge, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.oauth import account, discovery, id_token
from credentials.oauth.id_token import InvalidIdToken, UnusableKeys
from credentials.oauth.redaction import redact
from credentials.outbound import check_url, origin
from credentials.services import variables
from credentials.services.variables import MissingVariable, UnsafeValue
from credentials.types.nlu import document
from credentials.types.nlu.document import Unfit
from credentials.types.nlu.table import PROVIDERS
from tests.consumers.test_challenges import ask, bot, caller_of, idp, press
from tests.consumers.test_challenges import credential as consumers_credential
from tests.support import der_writer as der
from tests.support.identity import CLIENT_ID, key
from tests.support.identity import id_token as signed
from tests.support.journeys import new_credential, token_server
from tests.support.nlu import google_json, watson_json, watson_pair_json
from tests.support.people import Cast
from tests.support.pki import issue
from tests.support.windows import authorize, callback_url, url, window

__all__ = ["bot", "caller_of", "consumers_credential", "idp", "token_server"]

ANY = settings(derandomize=True, max_examples=80, deadline=None, database=None)
WITH_ROWS = settings(
    ANY, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
CANARY = "canary-0a1b2c3d4e5f"

texts = st.text(max_size=40) | st.sampled_from(
    ["", "\x00", "\r\n", "\u202e", "\ud800", "é" * 20, "%00", "{$botContext.a}"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def words_of(call: Callable[[], object], refused: type[Exception]) -> str:
    """What a refusal says, and nothing where there was none. Whatever else is raised fails the test."""
    try:
        call()
    except refused as refusal:
        return str(refusal)
    return ""


# Keystores


CLIENT = issue("bot")
PLAIN = der.pfx(der.data(der.sequence(der.plain_key(CLIENT), der.certificate(CLIENT))))
JKS = b"\xfe\xed\xfe\xed" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
FILES = [
    PLAIN,
    der.pfx(der.encrypted(der.pbes2(1)), integrity=der.mac(1)),
    der.pfx(der.data(der.sequence(der.shrouded(der.older(1))))),
    JKS + (1).to_bytes(4, "big") + bytes(40),
    CLIENT.pem,
    CLIENT.der,
]
tags = st.sampled_from([0x02, 0x04, 0x06, 0x24, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0x1F, 0x05])
trees = st.recursive(
    st.binary(max_size=12).map(lambda content: (0x04, content))
    | st.sampled_from([(0x06, b"\x2a\x86"), (0x02, b"\x03")]),
    lambda inner: st.tuples(tags, st.lists(inner, max_size=4)),
    max_leaves=20,
)


def encoded(tree: tuple[int, Any]) -> bytes:
    tag, content = tree
    return der.tlv(tag, content if isinstance(content, bytes) else b"".join(map(encoded, content)))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with some of its bytes replaced, and perhaps without its end."""
    file = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 6))):
        file[draw(st.integers(0, len(file) - 1))] = draw(st.integers(0, 255))
    return bytes(file[: draw(st.integers(0, len(file)))] if draw(st.booleans()) else file)


@given(data=damaged() | trees.map(encoded) | st.binary(max_size=200).map(JKS.__add__) | st.binary(max_size=200))
@ANY
def test_promise_34_a_keystore_of_any_bytes_is_opened_or_refused_in_a_sentence(data: bytes) -> None:
    for opened in (opening.key_store, opening.trust_store):
        said = words_of(partial(opened, data, CANARY), Refused)
        assert CANARY not in said
        assert said.endswith(".") or not said
    with suppress(TooExpensive):
        opening.check_cost(data)  # it runs in the web process


# What providers publish and answer


members = st.sampled_from(
    ["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops", "generate", "size", "d", "k"]
)
base64ish = st.binary(max_size=40).map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="))
entries = st.dictionaries(
    members, st.sampled_from(["RSA", "EC", "oct", "OKP", "P-256", "P-521", "sig", "RS256", 65537]) | base64ish | values
)


@given(entries=st.lists(entries, max_size=4) | values, around=st.sampled_from(["keys", "key", ""]))
@ANY
def test_promise_21_published_keys_of_any_form_are_used_or_refused(entries: Any, around: str) -> None:
    try:
        keys = id_token.keys_from_jwks(json.dumps({around: entries}))
    except UnusableKeys:
        return
    assert not any(each.has_private for each in keys.keys)


heads = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip", "x5c"]), values | texts)
claims = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "email", "name"]), values
)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(
    head=heads | values, said=claims | values, tail=base64ish | texts, algorithm=st.sampled_from(["RS256", "ES256", 5])
)
@ANY
def test_an_id_token_of_any_form_is_believed_by_nobody(head: Any, said: Any, tail: str, algorithm: object) -> None:
    head = {"alg": algorithm, **head} if isinstance(head, dict) else head
    token = f"{part(head)}.{part(said)}.{tail}"
    known = id_token.keys_from_jwks(json.dumps({"keys": [json.loads(key().export_public())]}))
    with pytest.raises(InvalidIdToken):
        id_token.verify(token, keys=known, issuer="https://i.example", client_id=CLIENT_ID, nonce=None, now=time.time())
    try:
        read = id_token.read_from_token_endpoint(token, client_id=CLIENT_ID, now=time.time())
    except InvalidIdToken:
        return
    account.account_of(read, "https://i.example")


@given(changes=claims)
@ANY
def test_a_signed_id_token_is_refused_or_names_a_printable_subject(changes: dict[str, Any]) -> None:
    try:
        json.dumps(changes).encode()
        token = signed("https://i.example", **changes)
    except (ValueError, UnicodeEncodeError):
        return  # the suite cannot sign it
    known = id_token.keys_from_jwks(json.dumps({"keys": [json.loads(key().export_public())]}))
    try:
        read = id_token.verify(
            token, keys=known, issuer="https://i.example", client_id=CLIENT_ID, nonce=None, now=time.time()
        )
    except InvalidIdToken:
        return
    assert read.subject.isprintable()
    assert 0 < len(read.subject) <= 255


AUTH = "https://as.example/authorize"
published = st.dictionaries(
    st.sampled_from(["issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint"]),
    values | st.sampled_from(["https://as.example", AUTH, "javascript:alert(1)", "https://evil.example/"]),
)


@given(said=published | values)
@ANY
def test_metadata_of_any_form_name_web_addresses_or_nothing(said: Any) -> None:
    found = discovery._believed(said if isinstance(said, dict) else None, "https://as.example", AUTH)
    for address in (found.token_endpoint, found.revocation_endpoint, found.userinfo_endpoint) if found else ():
        assert address is None or address.startswith(("https://", "http://"))


wrapped = st.sampled_from(
    [
        str,
        lambda secret: urlencode({"": secret})[1:],
        lambda secret: json.dumps(secret)[1:-1],
        lambda secret: base64.b64encode(f"id:{secret}".encode()).decode(),
    ]
)
printable = st.text(string.ascii_letters + string.digits + '%+/=& :äöü"\\', min_size=6, max_size=30)


@given(secret=printable, before=texts, after=texts, wrap=wrapped)
@ANY
def test_promise_10_a_secret_of_any_characters_is_hidden_in_any_words(
    secret: str, before: str, after: str, wrap: Callable[[str], str]
) -> None:
    said = redact(f"{before} {wrap(secret)} {after}", [secret])
    assert secret not in said.replace("[hidden]", "")


# What a bot's conversation brings


@given(a=scalars, b=scalars)
@ANY
def test_promise_36_a_variable_changes_a_value_and_nothing_else(a: Any, b: Any) -> None:
    given_values = {"a": a, "b": b}
    template = "https://api.example.com/orders/{$botContext.a}/x-{$botContext.b}?q={$botContext.a}&r={$botContext.b}"
    try:
        filled = variables.in_url(template, given_values)
        header = variables.in_header("{$botContext.a} {$botContext.b}", given_values)
        body = variables.in_body('{"a": {$botContext.a}, "b": "{$botContext.b}"}', given_values, "application/json")
        form = variables.in_body(
            "a={$botContext.a}&b={$botContext.b}", given_values, "application/x-www-form-urlencoded"
        )
        markup = variables.in_body("<a>{$botContext.a}{$botContext.b}</a>", given_values, "text/xml")
    except (UnsafeValue, MissingVariable):
        return
    parts = urlsplit(filled)
    assert (parts.scheme, parts.netloc, parts.path.count("/"), parts.query.count("&")) == (
        "https",
        "api.example.com",
        3,
        1,
    )
    assert not any(ord(character) < 32 and character != "\t" for character in header)
    assert set(json.loads(body)) == {"a", "b"}
    assert form.count("&") == 1
    assert markup.count("<") == 2


@given(
    template=texts, before=st.sampled_from(["", "https://", "https://h.example/", "https://{$botContext.a}.example/"])
)
@ANY
def test_promise_08_any_text_is_an_address_of_one_place_or_refused_in_a_sentence(template: str, before: str) -> None:

    def check() -> None:
        filled = variables.check_url_template(before + template)
        check_url(filled)
        assert origin(filled).startswith("https://")

    said = words_of(check, ValueError)
    # One of our sentences: Python's own errors quote what they could not read.
    assert said.endswith((".", "(#).")) or not said
    assert "codec" not in said


# The JSON of an NLU provider


DOCUMENTS = [json.loads(text) for text in (google_json(), watson_json(), watson_pair_json())]


@given(base=st.sampled_from(DOCUMENTS), changes=st.data(), provider=st.sampled_from(sorted(PROVIDERS)))
@settings(ANY, max_examples=60)
def test_promise_35_a_service_accounts_json_of_any_content_is_read_or_refused(
    base: dict[str, Any], changes: st.DataObject, provider: str
) -> None:
    replaced = changes.draw(
        st.dictionaries(st.sampled_from([*base, "iam_url", "extra"]), values, min_size=1, max_size=3)
    )
    text = json.dumps({**base, **replaced})
    try:
        payload = PROVIDERS[provider].read(document.read(text))
    except Unfit as refusal:
        said = str(refusal)
        assert not [
            value for value in replaced.values() if isinstance(value, str) and len(value) > 12 and value in said
        ]
        return
    assert "private_key" not in json.dumps(payload)
    assert "password" not in payload


@given(text=texts | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
@ANY
def test_promise_35_text_of_any_kind_is_a_json_object_or_unfit(text: str) -> None:
    with suppress(Unfit):
        assert isinstance(document.read(text), dict)


# What a browser brings back


names = st.sampled_from(["code", "error", "error_description", "error_uri", "iss", "scope", "session_state", "x"])
queries = st.dictionaries(names, texts.filter(lambda text: text.isascii() or "\ud800" not in text), max_size=5)


@pytest.fixture
def resource(cast: Cast) -> Credential:
    return new_credential(cast, "https://as.example.com/token", auth_url="ftp://nobody.asks.here/")


@pytest.mark.django_db
@given(query=queries, with_state=st.booleans())
@WITH_ROWS
def test_promise_01_a_callback_of_any_query_is_taken_or_refused(
    cast: Cast, resource: Credential, query: dict[str, str], with_state: bool
) -> None:
    bob: Client = window(cast.bob)
    Authorization.objects.all().delete()
    state = authorize(bob, resource).state
    given_query = {**query, "state": state if with_state else query.get("x", "")}
    answer = bob.get(f"{callback_url(resource)}?{urlencode(given_query, errors='surrogatepass')}")
    assert answer.status_code == (303 if with_state else 400)
    row = Authorization.objects.get()
    assert (row.status == AuthorizationStatus.STARTED) == (not with_state)
    for said in (row.error, row.error_description):
        assert said.isprintable()
        assert state not in said
    assert bob.get(url("detail", resource)).status_code == 200


@pytest.mark.django_db
@given(query=queries)
@WITH_ROWS
def test_promise_13_a_consumers_callback_of_any_query_is_taken_or_refused(
    bot: Any, consumers_credential: Credential, query: dict[str, str]
) -> None:
    ConsumerChallenge.objects.all().delete()
    consumer = press(ask(bot, consumers_credential)["url"])
    sent = urlencode({**query, "state": consumer.sent["state"]}, errors="surrogatepass")
    assert consumer.client.get(f"/callback/12345566/redirectedCode?{sent}").status_code == 303
    row = ConsumerChallenge.objects.get()
    assert row.error.isprintable()
    assert row.error_description.isprintable()
    assert consumer.sent["state"] not in row.error + row.error_description


@pytest.mark.django_db
@given(
    query=st.dictionaries(
        st.sampled_from(["q", "after", "before", "sort", "status", "type", "kind", "since", "actor"]), texts
    )
)
@settings(WITH_ROWS, max_examples=15)
def test_a_list_shows_a_page_for_any_query(cast: Cast, resource: Credential, query: dict[str, str]) -> None:
    alice = window(cast.alice)
    sent = urlencode(query, errors="surrogatepass")
    for page in ("credentials/", "activity/", "expiry/"):
        assert alice.get(f"/organizations/{cast.organization.pk}/{page}?{sent}").status_code == 200
