"""Call an API integration: the request that a bot describes, authenticated by the attached credential."""

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import requests
from requests.structures import CaseInsensitiveDict

from credentials import runtime
from credentials.models import ApiIntegration, Credential
from credentials.models.clock import database_now
from credentials.oauth.redaction import redact
from credentials.outbound import Blocked, GuardedAdapter, TlsRefused, TooLarge, Unreachable
from credentials.runtime import NOBODY, OnBehalf, Ready
from credentials.services import variables
from credentials.services.answer_text import as_text
from credentials.services.presented import Presented
from credentials.services.use import ask_for_renewal, noting_use
from credentials.services.variables import Value
from organizations import group_commit
from organizations.access import Access, authorize
from organizations.audit import Actor, NewEntry
from organizations.policies import Action

TOTAL_SECONDS = 20.0
RETRIES = 3
PAUSE_SECONDS = 0.25  # before the first retry; doubled before each next one
MAX_ANSWER_BYTES = 1_048_576
SUCCESS = frozenset({200, 201})
# By these a server says that it has not done what was asked; any method may be repeated.
TURNED_AWAY = frozenset({429, 503})
# After these nobody knows. What is idempotent may be repeated: a second one does nothing that the first has not done.
UNCERTAIN = frozenset({408, 500, 502, 504})
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # RFC 9110 §9.2.2
# A resource that turns down every token, because a right is missing, must not make us renew at every call.
RENEWALS_AT_MOST, RENEWALS_WITHIN = 5, timedelta(minutes=5)
# What every request has, unless the integration says otherwise.
SENT_BY_US = {**requests.utils.default_headers(), "User-Agent": "BotAccounts"}
DEFAULT_HEADERS = {
    "Accept": "application/json;charset=UTF-8",
    "Content-Type": "application/json;charset=UTF-8",
}


@dataclass(frozen=True)
class CallResult:
    """What came back. `status` is 0 where nothing did; then `error` says why in a word.

    `attached` says what the credential added, masked. `seconds` is the time taken by all attempts together.
    """

    success: bool
    status: int
    headers: dict[str, str]
    body: str = field(repr=False)
    attempts: int
    seconds: float
    attached: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class Prepared:
    """The request with its variables filled in."""

    method: str
    url: str
    parameters: list[tuple[str, str]]
    headers: dict[str, bytes]
    body: bytes | None


@dataclass(frozen=True)
class Answer:
    """What came of one attempt."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    error: str = ""


def prepare(integration: ApiIntegration, values: Mapping[str, Value]) -> Prepared:
    """Raises `variables.MissingVariable` and `variables.UnsafeValue`."""
    headers = dict(DEFAULT_HEADERS) if integration.use_default_headers else {}
    for name, value in integration.headers:
        # A header of the integration's own replaces the default of the same name, whatever its case.
        headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
        headers[name] = variables.in_header(value, values)
    content_type = next((value for key, value in headers.items() if key.lower() == "content-type"), "")
    body = variables.in_body(integration.body, values, content_type)
    return Prepared(
        method=integration.method,
        url=variables.in_url(integration.url, values),
        parameters=[(name, variables.in_parameter(value, values)) for name, value in integration.parameters],
        # RFC 9110 §5.5 leaves the encoding open; UTF-8 is what today's servers read.
        headers={name: value.encode() for name, value in headers.items()},
        body=body.encode() if body else None,
    )


def call(
    integration: ApiIntegration,
    values: Mapping[str, Value],
    *,
    actor: Actor,
    on_behalf: OnBehalf = NOBODY,
    presented: Presented | None = None,
) -> CallResult:
    """One call: 20 seconds in all, up to 3 retries inside that time, success is 200 or 201.

    `integration` comes with its credential loaded; `presented` is what was read together with it a moment ago, so that
    it is not read again. Raises what `prepare` and `runtime.make_ready` raise; everything that the other side does
    becomes a result.
    """
    return _call(integration, values, actor, on_behalf, presented)[0]


def send_test(access: Access, integration: ApiIntegration, values: Mapping[str, Value]) -> CallResult:
    """The same for a person who tries it out, without the secrets that a talkative resource repeats in its answer."""
    actor = authorize(access, integration.organization, Action.CALL_INTEGRATIONS)
    result, ready = _call(integration, values, actor, NOBODY)
    if ready is None:
        return result
    secrets = _secrets_of(ready)
    return replace(
        result,
        body=redact(result.body, secrets),
        headers={name: redact(value, secrets) for name, value in result.headers.items()},
    )


def _call(
    integration: ApiIntegration,
    values: Mapping[str, Value],
    actor: Actor,
    on_behalf: OnBehalf,
    presented: Presented | None = None,
) -> tuple[CallResult, Ready | None]:
    started = time.monotonic()
    deadline = started + TOTAL_SECONDS
    prepared, credential = prepare(integration, values), integration.credential
    ready = None
    if credential:
        as_read = runtime.AsRead(presented.token, presented.at) if presented else None
        ready = runtime.make_ready(
            credential, actor=actor, patience=TOTAL_SECONDS, on_behalf=on_behalf, as_read=as_read
        )
    _note(integration, credential, actor, presented)
    answer, attempts, renewed = Answer(error="timeout"), 0, False
    while attempts <= RETRIES and (left := deadline - time.monotonic()) > 0:
        attempts += 1
        answer = send(prepared, ready, seconds=left)
        refused = answer.status == requests.codes.unauthorized and not renewed and attempts <= RETRIES
        if refused and credential and ready:
            again = _renewed(credential, ready, on_behalf, actor=actor, deadline=deadline)
            if again is None:
                break
            ready, renewed = again, True
            continue
        pause = retry_in(answer, prepared.method, attempts)
        if pause is None or attempts > RETRIES or time.monotonic() + pause >= deadline:
            break
        time.sleep(pause)
    result = CallResult(
        success=answer.status in SUCCESS,
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        attempts=attempts,
        seconds=time.monotonic() - started,
        attached=ready.room.attached(ready.material) if ready else [],
        error=answer.error,
    )
    return result, ready


def _note(
    integration: ApiIntegration, credential: Credential | None, actor: Actor, presented: Presented | None
) -> None:
    """Who calls what with which credential, written before anything is sent. Nothing of the conversation."""
    called = NewEntry(actor, "integration.called", "integration", str(integration.pk), integration.name)
    entries = [called]
    if credential:
        details = {"integration": str(integration.pk), "name": integration.name}
        entries.append(
            NewEntry(actor, "credential.used", "credential", str(credential.pk), credential.name, details=details)
        )
    group_commit.append(integration.organization_id, entries, noting_use(credential, presented))


def _renewed(
    credential: Credential, ready: Ready, on_behalf: OnBehalf, *, actor: Actor, deadline: float
) -> Ready | None:
    """A new token for one that the resource turned down, if one is to be had in time.

    Where there is no time for a renewal, a worker does it for the next call; a consumer's token waits for a call that
    has the time.
    """
    since = database_now() - RENEWALS_WITHIN
    if ready.obtained_at is None or runtime.renewals_since(credential, ready, on_behalf, since) >= RENEWALS_AT_MOST:
        return None
    if not runtime.has_time_to_renew(deadline):
        ask_for_renewal(credential, ready.generation)
        return None
    left = deadline - time.monotonic()
    return runtime.make_ready_again(credential, ready, actor=actor, patience=left, on_behalf=on_behalf)


def retry_in(answer: Answer, method: str, attempts: int) -> float | None:
    """Seconds until the next try, or None where a retry would be of no use or could do a thing twice."""
    certain = answer.status in TURNED_AWAY or answer.error == "unreachable"
    uncertain = answer.status in UNCERTAIN or answer.error == "interrupted"
    if not certain and not (uncertain and method in IDEMPOTENT):
        return None
    return max(PAUSE_SECONDS * 2.0 ** (attempts - 1), _asked_to_wait(answer))


def _asked_to_wait(answer: Answer) -> float:
    """Seconds of `Retry-After` (RFC 9110 §10.2.3). A date is later than a call can wait: that ends it."""
    said = next((value.strip() for name, value in answer.headers.items() if name.lower() == "retry-after"), "0")
    return float(said) if re.fullmatch(r"[0-9]{1,9}", said) else TOTAL_SECONDS


def send(prepared: Prepared, ready: Ready | None, *, seconds: float) -> Answer:
    """One request. Never follows a redirect: a secret goes to the host that was configured and to no other.

    The credential comes last: a header of the integration's own cannot stand in its place.
    """
    try:
        context = ready.room.ssl_context(ready.material) if ready else None
    except ssl.SSLError:  # accepted when it was saved, and not any more: OpenSSL or its settings have changed
        return Answer(error="tls")
    headers: CaseInsensitiveDict[str | bytes] = CaseInsensitiveDict(SENT_BY_US)
    headers.update(prepared.headers)
    # Without a session of `requests`, which is for many requests, for cookies and for redirects, and takes its time.
    adapter = GuardedAdapter(deadline=seconds, max_bytes=MAX_ANSWER_BYTES, ssl_context=context)
    try:
        request = requests.Request(
            prepared.method,
            prepared.url,
            params=prepared.parameters,
            headers=headers,
            data=prepared.body,
            auth=ready.room.authenticator(ready.material) if ready else None,
        )
        response = adapter.send(request.prepare())
    except requests.RequestException as failure:
        return Answer(error=why(failure))
    return Answer(response.status_code, dict(response.headers), as_text(response))


def why(failure: requests.RequestException) -> str:
    """A word for what went wrong. `unreachable`: nothing was sent, so trying again does nothing twice."""
    match failure:
        case Blocked():
            return "blocked"
        case TooLarge():
            return "too_large"
        case TlsRefused():
            return "tls"
        case requests.exceptions.Timeout():
            return "timeout"
        case Unreachable():
            never_connected = str(failure).endswith(("refuses connections.", "is not known."))
            return "unreachable" if never_connected else "interrupted"
    return "invalid_request"


def _secrets_of(ready: Ready) -> set[str]:
    """Every text that the credential could have put on the request."""
    material = ready.material
    secrets = set(ready.room.secret_texts(material))
    if material.token:
        secrets.add(material.token.access_token)
    plain = requests.Request("GET", "https://host.invalid/").prepare()
    signed = ready.room.authenticator(material)(plain.copy())
    added = [value for name, value in signed.headers.items() if plain.headers.get(name) != value]
    return secrets | {str(value).rpartition(" ")[2] for value in added}
