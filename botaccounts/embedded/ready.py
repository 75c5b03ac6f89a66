"""Telling the person at the terminal when the product can be used, and how."""

import json
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from botaccounts.embedded.place import Place
from botaccounts.sandbox import SAMPLE_PASSWORD, SAMPLE_USERNAME

READY_SECONDS = 90


def announce_when_ready(place: Place, public_url: str, demo: str, ending: threading.Event) -> None:
    """Wait until web server and sandbox answer, then say where they are and what to try.

    `demo` is what `manage.py demo --json` printed. Nothing is said any more once `ending` is set.
    """
    waiting: list[Callable[[], bool]] = [
        lambda: _answers(place.reachable_host, place.port, urlsplit(public_url).netloc),
        lambda: _answers("127.0.0.1", place.sandbox_port, f"127.0.0.1:{place.sandbox_port}"),
    ]
    deadline = time.monotonic() + READY_SECONDS
    while (waiting := [answers for answers in waiting if not answers()]) and time.monotonic() < deadline:
        if ending.wait(0.2):
            return
    if ending.is_set():
        return
    if waiting:
        text = f"No answer after {READY_SECONDS} seconds; what the processes wrote above says why.\n"
    else:
        text = boxed(_welcome(place, public_url, json.loads(demo)))
    sys.stdout.write(text)
    sys.stdout.flush()


def _welcome(place: Place, public_url: str, demo: dict[str, Any]) -> list[str]:
    note = ["For another machine, set PUBLIC_URL to the address that its browser uses."] if place.is_everywhere else []
    return [
        f"Bot Accounts is ready: {public_url}",
        *note,
        "",
        *_sign_ins(demo.get("users", [])),
        "",
        f"Sandbox resource: {place.sandbox_url}",
        f"  sign in there as {SAMPLE_USERNAME} / {SAMPLE_PASSWORD}",
        "",
        "To try: add an OAuth 2.0 credential; register its redirect URI at",
        f"  {place.sandbox_url}/o/applications/register/",
        "then give the credential",
        f"  Auth URL   {place.sandbox_url}/o/authorize/",
        f"  Token URL  {place.sandbox_url}/o/token/",
        "  Scope      read write offline",
        "and press Authorize. Attach it to the bot's integration and send a test request.",
        "",
        "manage.py demo prints these people again, and a service token for the bot's calls.",
        "Ctrl-C stops everything. The data stays in var/, the keys in .env.",
    ]


def _sign_ins(users: list[dict[str, str]]) -> list[str]:
    if not users:
        return ["There are no sample people. manage.py createsuperuser makes the first one."]
    return [
        "Sign in as one of",
        *(f"  {user['username']:<6} {user['password']}  ({user['role'].replace('_', ' ')})" for user in users),
    ]


def boxed(lines: list[str]) -> str:
    """`lines` in a frame of plain characters."""
    width = max(map(len, lines))
    edge = f"+{'-' * (width + 2)}+"
    return "\n".join(["", edge, *(f"| {line.ljust(width)} |" for line in lines), edge, "", ""])


def _answers(host: str, port: int, name: str) -> bool:
    """Whether /health/live answers there; a redirect to https counts, for TLS may end in front of us."""
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/live", headers={"Host": name})
        return connection.getresponse().status < 400
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
