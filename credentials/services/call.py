"""Call an API integration: the request that a bot describes, authenticated by the attached credential."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import requests
from django.db import transaction

from credentials import runtime
from credentials.models import ApiIntegration
from credentials.models.clock import database_now
from credentials.outbound import Blocked, TooLarge, guarded_session
from credentials.runtime import Ready
from credentials.services import variables
from credentials.services.records import record
from credentials.services.use import note_use
from credentials.services.variables import Value
from organizations import audit
from organizations.audit import Actor

TOTAL_SECONDS = 20.0
RETRIES = 3
FRESH = timedelta(seconds=30)
PAUSE_SECONDS = 0.25  # before the first retry; doubled before each next one
SUCCESS = frozenset({200, 201})
WORTH_A_RETRY = frozenset({429, 502, 503, 504})
# RFC 9110 §9.2.2: a second one of these does nothing that the first has not done.
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
DEFAULT_HEADERS = {
    "Accept": "application/json;charset=UTF-8",
    "Content-Type": "application/json;charset=UTF-8",
}


@dataclass(frozen=True)
class CallResult:
    """What came back. `status` is 0 where nothing did; then `error` says why. `attached` says what was added, masked."""

    success: bool
    status: int
    headers: dict[str, str]
    body: str
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
    headers: dict[str, str]
    body: bytes | None


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
        headers=headers,
        body=body.encode() if body else None,
    )


def call(integration: ApiIntegration, values: Mapping[str, Value], *, actor: Actor) -> CallResult:
    """One call: 20 seconds in all, up to 3 retries inside that time, success is 200 or 201.

    Raises what `prepare` and `runtime.make_ready` raise; everything that the other side does becomes a result.
    """
    started = time.monotonic()
    prepared = prepare(integration, values)
    credential = integration.credential
    ready = runtime.make_ready(credential, actor=actor, patience=TOTAL_SECONDS) if credential else None
    with transaction.atomic():
        if credential:
            note_use(credential)
            record(credential, actor, "credential.used", integration=str(integration.pk), name=integration.name)
        else:
            audit.record(
                integration.bot.organization,
                actor,
                "integration.called",
                object_type="integration",
                object_id=str(integration.pk),
                object_label=integration.name,
            )
    deadline, attempts, renewed = started + TOTAL_SECONDS, 0, False
    while True:
        attempts += 1
        result = send(prepared, ready, deadline=deadline, started=started, attempts=attempts)
        if result.status == requests.codes.unauthorized and credential and ready and not renewed and may_be_stale(ready):
            renewed = True
            patience = max(0.0, deadline - time.monotonic())
            if again := runtime.make_ready_again(credential, ready, actor=actor, patience=patience):
                ready = again
                continue
        pause = retry_in(result, prepared, attempts)
        if pause is None or attempts > RETRIES or time.monotonic() + pause >= deadline:
            return result
        time.sleep(pause)


def may_be_stale(ready: Ready) -> bool:
    """Whether a 401 may mean that the token was ended early. One that is seconds old was not: it lacks a right."""
    return ready.obtained_at is not None and database_now() - ready.obtained_at > FRESH


def retry_in(result: CallResult, prepared: Prepared, attempts: int) -> float | None:
    """Seconds until the next try, or None where a retry would be of no use or could do a thing twice."""
    if result.success or (prepared.method not in IDEMPOTENT and result.error != "unreachable"):
        return None
    if result.status in WORTH_A_RETRY or result.error in {"unreachable", "interrupted"}:
        return PAUSE_SECONDS * 2 ** (attempts - 1)
    return None


def send(prepared: Prepared, ready: Ready | None, *, deadline: float, started: float, attempts: int) -> CallResult:
    """One request. Never follows a redirect: a secret goes to the host that was configured and to no other."""
    remaining = deadline - time.monotonic()
    attached = ready.room.attached(ready.material) if ready else []

    def outcome(status: int, headers: dict[str, str], body: str, error: str = "") -> CallResult:
        elapsed = time.monotonic() - started
        return CallResult(status in SUCCESS, status, headers, body, attempts, elapsed, attached, error)

    if remaining <= 0:
        return outcome(0, {}, "", "timeout")
    with guarded_session(deadline=remaining) as session:
        try:
            response = session.request(
                prepared.method,
                prepared.url,
                params=prepared.parameters,
                headers=prepared.headers,
                data=prepared.body,
                auth=ready.room.authenticator(ready.material) if ready else None,
                allow_redirects=False,
            )
        except requests.RequestException as failure:
            return outcome(0, {}, "", why(failure))
    return outcome(response.status_code, dict(response.headers), response.text)


def why(failure: requests.RequestException) -> str:
    """A word for what went wrong. `unreachable`: nothing was sent, so trying again does nothing twice."""
    match failure:
        case Blocked():
            return "blocked"
        case TooLarge():
            return "too_large"
        case requests.exceptions.SSLError():
            return "tls"
        case requests.exceptions.ConnectTimeout():
            return "unreachable"
        case requests.exceptions.Timeout():
            return "timeout"
        case requests.exceptions.ConnectionError():
            return "unreachable" if "refused" in str(failure).lower() else "interrupted"
    return "invalid_request"
