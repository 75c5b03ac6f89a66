"""How a token endpoint can be a bad one. None of them ends a grant that the provider still honours.

What a liar says is worth nothing: its tokens belong to nobody, and whoever hands one on has believed it.
"""

import itertools
import json
import threading
from dataclasses import dataclass, field

from tests.chaos.grants import InvalidGrant
from tests.chaos.resource import Call


@dataclass(frozen=True)
class Slow:
    """Takes its time before it does anything."""

    seconds: float = 12.0

    def answer(self, call: Call) -> None:
        call.pause(self.seconds)
        call.send(*call.process())


@dataclass(frozen=True)
class Dripping:
    """Rotates, and then says so byte by byte."""

    pause: float = 0.02

    def answer(self, call: Call) -> None:
        status, document = call.process()
        call.send_raw(status, json.dumps(document).encode(), drip=self.pause)


@dataclass
class Lying:
    """Says one untrue thing after another, and does nothing of what was asked."""

    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def answer(self, call: Call) -> None:
        token = call.resource.grants.spilled()
        lies = [
            (200, b'{"access_token": "' + token.encode()),
            (500, json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).encode()),
            (200, json.dumps([token]).encode()),
            (200, json.dumps({"error": "temporarily_unavailable", "access_token": token}).encode()),
            (200, f"<html>{token}</html>".encode()),
            (429, json.dumps({"access_token": token}).encode()),
            (503, b""),
        ]
        call.send_raw(*lies[next(self.turn) % len(lies)])


class WithoutRefreshToken:
    """Keeps the refresh token and does not repeat it (RFC 6749 §6)."""

    def answer(self, call: Call) -> None:
        if call.form.get("grant_type") != "refresh_token":
            call.send(*call.process())
            return
        grants = call.resource.grants
        try:
            call.grant = grants.find(call.form.get("refresh_token", ""), call.client_id)
        except InvalidGrant:
            call.send(400, {"error": "invalid_grant"})
            return
        grants.without_refresh_token(call.grant)
        document = call.document(call.grant)
        del document["refresh_token"]
        call.send(200, document)


class Resetting:
    """Takes the request and hangs up."""

    def answer(self, call: Call) -> None:
        call.reset()


@dataclass
class Holding:
    """Rotates, and keeps the answer until the fault is over: what happens in between happens at the worst moment."""

    holds: threading.Event = field(default_factory=threading.Event)

    def answer(self, call: Call) -> None:
        status, document = call.process()
        self.holds.set()
        call.pause(12.0)
        call.send(status, document)
