"""What the resource has granted, and to whom: every token says whose it is, so that one in the wrong hands is known.

A refresh token works once (RFC 9700 §4.14.2). One that comes a second time ends its grant and every token of it, which
is what a provider that is strict about it does, and what a person feels.
"""

import threading
import time
from dataclasses import dataclass, field

from tests.support.canary import Cage


@dataclass(frozen=True)
class Owner:
    """Whose a token is. `kind` is "credential", "consumer" or "conversation"; `whose` is of letters, digits and "-"."""

    kind: str
    whose: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.whose}"


NOBODY = Owner("nobody", "")


@dataclass
class Rotation:
    """One answer with tokens. `delivered`: the client has read all of it and closed the connection in good order."""

    at: float
    delivered: bool = False


@dataclass
class Grant:
    """One consent. `refresh_token` is the only one that still works; "" where the grant has none (RFC 6749 §4.4.3)."""

    owner: Owner
    client_id: str
    refresh_token: str = ""
    access_tokens: list[str] = field(default_factory=list)
    rotations: list[Rotation] = field(default_factory=list)
    reused_at: float | None = None

    @property
    def lives(self) -> bool:
        return self.reused_at is None


class InvalidGrant(Exception):
    """The refresh token or the code does not work, or does not work any more."""


class Grants:
    """All of them. `trespasses` says in words what nobody may ever do: use what belongs to somebody else."""

    def __init__(self, cage: Cage) -> None:
        self.access_core = cage.new("access token")
        self.refresh_core = cage.new("refresh token")
        self.code_core = cage.new("code")
        self.trespasses: list[str] = []
        self.of: dict[Owner, Grant] = {}
        self.refreshes = 0
        self._codes: dict[str, Grant] = {}
        self._by_refresh_token: dict[str, Grant] = {}
        self._lock = threading.RLock()
        self._number = 0

    def begin(self, owner: Owner, client_id: str, *, refreshes: bool) -> Grant:
        """A new grant, which takes the place of the owner's former one, with its first tokens."""
        with self._lock:
            grant = Grant(owner, client_id)
            if not refreshes and owner in self.of:
                # Client credentials: a token that was handed out a moment ago works on beside the new one.
                grant.access_tokens = self.of[owner].access_tokens[-1:]
            self.of[owner] = grant
            self._issue(grant, refreshes=refreshes)
            return grant

    def consent(self, owner: Owner, client_id: str) -> str:
        """A code (RFC 6749 §4.1.2) for a grant that begins when it is redeemed."""
        with self._lock:
            self._number += 1
            code = f"{self.code_core}-{self._number}"
            self._codes[code] = Grant(owner, client_id)
            return code

    def redeem(self, code: str, client_id: str) -> Grant:
        """Raises `InvalidGrant`."""
        with self._lock:
            grant = self._codes.pop(code, None)
            if grant is None:
                raise InvalidGrant
            self._require_client(grant, client_id)
            self.of[grant.owner] = grant
            self._issue(grant, refreshes=True)
            return grant

    def refresh(self, refresh_token: str, client_id: str) -> Grant:
        """Rotate. Raises `InvalidGrant`, and ends the grant where the token has been used before."""
        with self._lock:
            grant = self.find(refresh_token, client_id)
            self._issue(grant, refreshes=True)
            self.refreshes += 1
            return grant

    def find(self, refresh_token: str, client_id: str) -> Grant:
        """The grant of a refresh token that works. Raises `InvalidGrant` as `refresh` does."""
        with self._lock:
            grant = self._by_refresh_token.get(refresh_token)
            if grant is None:
                raise InvalidGrant
            self._require_client(grant, client_id)
            if refresh_token != grant.refresh_token and grant.lives:
                grant.reused_at = time.monotonic()
            if not grant.lives:
                raise InvalidGrant
            return grant

    def without_refresh_token(self, grant: Grant) -> None:
        """Another access token; the refresh token stays what it was (RFC 6749 §6)."""
        with self._lock:
            self._issue(grant, refreshes=False)

    def spilled(self) -> str:
        """An access token that stands where none belongs: whoever hands it on has believed a liar."""
        with self._lock:
            self._number += 1
            return f"{NOBODY}.{self._number}.{self.access_core}"

    def owner_of(self, access_token: str) -> Owner:
        """Whose it is; `NOBODY` for what was never issued."""
        parts = access_token.split(".")
        if len(parts) != 4 or parts[3] != self.access_core:
            return NOBODY
        return Owner(parts[0], parts[1])

    def works(self, access_token: str) -> bool:
        """Whether the resource would accept it: of the two latest of a grant that lives."""
        with self._lock:
            grant = self.of.get(self.owner_of(access_token))
            return grant is not None and grant.lives and access_token in grant.access_tokens

    def trespass(self, what: str) -> None:
        with self._lock:
            self.trespasses.append(what)

    def _require_client(self, grant: Grant, client_id: str) -> None:
        if grant.client_id != client_id:
            self.trespass(f"the refresh token or code of {grant.owner} came from the client {client_id}")
            raise InvalidGrant

    def _issue(self, grant: Grant, *, refreshes: bool) -> None:
        self._number += 1
        # The one before still works while an answer is on its way.
        grant.access_tokens = [*grant.access_tokens[-1:], f"{grant.owner}.{self._number}.{self.access_core}"]
        if refreshes:
            grant.refresh_token = f"{grant.owner}.{self._number}.{self.refresh_core}"
            self._by_refresh_token[grant.refresh_token] = grant
        grant.rotations = [*grant.rotations[-3:], Rotation(time.monotonic())]
