"""Open a file in a process of its own, which has little memory, a few seconds of processor time, and no files.

Bytes go in and JSON comes out through pipes. A file made to keep us busy keeps that process busy, and for a moment
only; its parser runs apart from everything that the service holds in memory.
"""

import base64
import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from credentials.keystores import opening
from credentials.keystores.contents import KeyStore, TrustStore
from credentials.keystores.errors import ERRORS, MAX_BYTES, Damaged, Refused, TooExpensive, TooLarge

CPU_SECONDS = 5
WALL_SECONDS = 15.0  # more than the processor time: the machine may be busy with other things
MEMORY_BYTES = 1 << 29
KEY_STORE, TRUST_STORE = "key_store", "trust_store"
ROOT = Path(__file__).resolve().parents[2]
# -I: neither the environment nor the current folder has a say in what is imported.
COMMAND = (
    sys.executable,
    "-I",
    "-c",
    "import sys; sys.path.insert(0, sys.argv[1]); from credentials.keystores.child import main; main()",
    str(ROOT),
)


def open_key_store(data: bytes, password: str) -> KeyStore:
    """The one private key of a PKCS12 or JKS file with its certificates. Raises `Refused`."""
    return KeyStore.from_json(_ask(KEY_STORE, data, password))


def open_trust_store(data: bytes, password: str) -> TrustStore:
    """The certificates of a PEM, DER, PKCS12 or JKS file. Raises `Refused`."""
    return TrustStore.from_json(_ask(TRUST_STORE, data, password))


def _ask(what: str, data: bytes, password: str) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise TooLarge
    opening.check_cost(data)
    question = {"open": what, "data": base64.b64encode(data).decode(), "password": password}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter with our own module
            COMMAND,
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECONDS,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooExpensive from None
    if done.returncode < 0:  # ended by a signal: the limit on processor time
        raise TooExpensive
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise Damaged from None
    if "refused" in answer:
        raise ERRORS.get(answer["refused"], Refused)(answer["sentence"])
    return answer


def main() -> None:
    """What the child does: one question from standard input, one answer to standard output."""
    _spread()
    _limit()
    question = json.load(sys.stdin.buffer)
    opened = opening.key_store if question["open"] == KEY_STORE else opening.trust_store
    answer: dict[str, Any]
    try:
        answer = opened(base64.b64decode(question["data"]), question["password"]).to_json()
    except Refused as refusal:
        answer = {"refused": refusal.code, "sentence": str(refusal)}
    json.dump(answer, sys.stdout)


def _spread() -> None:
    """Over all cores: whoever started it may stay on one, where bots want their tokens meanwhile (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _limit() -> None:
    for limit, value in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))
