"""No 500 and no answer that the OpenAPI document does not describe, whatever is sent.

Requests are made from the document, right ones and wrong ones, and go through the WSGI application in this process.
`FUZZ_CASES` says how many (`make fuzz CASES=10000`); the same number makes the same requests.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.parameters import ParameterLocation

from tests.api.conftest import Caller
from tests.fuzz.scene import Known, furnish
from tests.support.lying_server import LyingServer
from tests.support.people import Cast

pytestmark = pytest.mark.django_db
CASES = int(os.environ.get("FUZZ_CASES", "300"))
SEED = 20_260_504
DOCUMENT = "/api/v1/openapi.json"
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def checks_of(case: Case) -> list[Any]:
    """A wrong body has to be refused. What is wrong about the rest of a request may be none of the API's business."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    return [*CHECKS, negative_data_rejection] if body and body.mode is GenerationMode.NEGATIVE else CHECKS


def cases_of(operation: APIOperation, mode: GenerationMode, known: Known) -> st.SearchStrategy[Case]:
    """Requests of one call. Three of four ask for something that is there."""
    (name,) = [each.name for each in operation.path_parameters] or [""]
    made_up = operation.as_strategy(generation_mode=mode)
    # Of a call without a body the address is all that can be wrong.
    if not name or (mode is GenerationMode.NEGATIVE and not operation.body):
        return made_up
    there = st.sampled_from(known.ids[name]).flatmap(
        lambda which: operation.as_strategy(generation_mode=mode, path_parameters={name: which})
    )
    return st.one_of(there, there, there, made_up)


def with_meaning(case: Case, known: Known, choose: Any) -> None:
    """Now and then a right body names a consumer, a conversation and variables that exist."""
    if not isinstance(case.body, dict) or not choose(st.booleans()):
        return
    for name in [*case.body, *choose(st.sets(st.sampled_from(sorted(known.values))))]:
        properties = {"conversation", "consumer", "variables"} if "variables" in case.body else set(case.body)
        if name in known.values and name in properties and not (name == "id_token" and case.body.get("code")):
            case.body[name] = choose(st.sampled_from(known.values[name]))


def drive(operation: APIOperation, mode: GenerationMode, count: int, bot: Caller, known: Known) -> Counter[str]:
    """Send `count` requests and hold every answer against the document. How often each status was the answer.

    Where a drive finds nothing new to ask it ends early, and another one goes on that begins elsewhere.
    """
    seen: Counter[str] = Counter()
    headers = {"Authorization": f"Bearer {bot.token}"}

    def send(case: Case, data: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            with_meaning(case, known, data.draw)
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=checks_of(case), headers=headers)
        seen[str(answer.status_code)] += 1

    while (sent := seen.total()) < count:
        bounds = settings(
            max_examples=count - sent,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        some = bounds(given(case=cases_of(operation, mode, known), data=st.data())(send))
        seed(SEED + sent)(some)()
        assert seen.total() > sent, f"There is nothing to send: {operation.label}"
    return seen


@contextmanager
def served() -> Iterator[WSGIHandler]:
    """As a server calls it, but within the test's transaction: its connection stays open from request to request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_whatever_is_sent_the_answer_is_one_that_the_document_describes(
    bot: Caller,
    cast: Cast,
    lying_server: LyingServer,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache.clear()
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    known = furnish(cast, lying_server, bot.client, bot.token)
    seen: dict[str, Counter[str]] = {}
    with served() as application:
        schema = schemathesis.openapi.from_wsgi(DOCUMENT, application)
        rounds = [(found.ok(), mode) for found in schema.get_all_operations() for mode in GenerationMode]
        for operation, mode in rounds:
            label = f"{operation.label} ({mode.value})"
            seen[label] = drive(operation, mode, -(-CASES // len(rounds)), bot, known)
            if "FUZZ_CASES" in os.environ:
                with capsys.disabled():
                    print(f"{label}: {dict(sorted(seen[label].items()))}")  # noqa: T201 - what `make fuzz` shows
    assert all("200" in answers for label, answers in seen.items() if "positive" in label), seen
    assert sum(answers.total() for answers in seen.values()) >= CASES
