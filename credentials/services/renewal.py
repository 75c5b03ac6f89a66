"""How any token is renewed: under its lease, journalled, and finishing what a crash left behind.

Whose token it is makes no difference to the order of the steps; `Renewal` names what does differ.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from credentials.crypto.envelope import Unsealable
from credentials.models import TokenEndpoint
from credentials.models.leased import Attempt, AttemptState, LeasedToken
from credentials.oauth import answer
from credentials.oauth.answer import TokenSet
from credentials.oauth.client import RawAnswer, Transport
from credentials.oauth.errors import OAuthFailure
from credentials.outbound import GuardedAdapter
from credentials.services import breaker, bulkhead, journal, lease
from credentials.services.breaker import Held
from credentials.services.lease import CALL_SECONDS, Lease, last_moment_to_store


class Outcome(enum.Enum):
    """What came of it.

    `BUSY`: another process is at it. `WAIT`: a transient failure, to be tried again at `refresh_at`. `HELD`: nothing
    was tried, because the provider is down or has enough to do. `ENDED`: only a person can help.
    """

    RENEWED = enum.auto()
    NOT_DUE = enum.auto()
    BUSY = enum.auto()
    WAIT = enum.auto()
    HELD = enum.auto()
    ENDED = enum.auto()


class NotSent(OAuthFailure):
    """This process was too late to send anything. It says nothing about the provider."""


class Renewal(ABC):
    """One renewal of one token. The abstract methods are what differs between whose token it is.

    `endpoint` is set where it was entered by the breaker, which then hears what comes of it.
    """

    token: LeasedToken
    endpoint: TokenEndpoint | None = None

    @abstractmethod
    def address(self) -> str:
        """Of the token endpoint (RFC 6749 §3.2); "" where there is none to ask."""

    @abstractmethod
    def look(self) -> None:
        """Read to whom the token belongs and where it is sent. Raises `journal.Gone`.

        Before the claim, which fails where an edit has taken the token away since it was read: one who looked after it
        could send an old refresh token to an address that somebody has entered meanwhile.
        """

    @abstractmethod
    def left_unfinished(self) -> Sequence[Attempt]:
        """Renewals of this generation that a dead process began, the latest first."""

    @abstractmethod
    def can_renew(self) -> bool: ...

    @abstractmethod
    def stop_trying(self) -> None:
        """Nothing can renew it: nobody needs to look at it again."""

    @abstractmethod
    def begin(self) -> Attempt:
        """Write down that a request is about to be sent. Raises `journal.Gone`."""

    @abstractmethod
    def prepare(self) -> None:
        """Open what the request carries. Raises `Unsealable`."""

    @abstractmethod
    def request(self, transport: Transport) -> RawAnswer:
        """One call to the token endpoint. Raises `OAuthFailure`."""

    @abstractmethod
    def sent_secrets(self, attempt: Attempt) -> list[str]:
        """What the request carried that its answer must not be quoted with."""

    @abstractmethod
    def check(self, tokens: TokenSet) -> None:
        """Refuse an answer that is not for this token. Raises `OAuthFailure`."""

    @abstractmethod
    def apply(self, attempt: Attempt, tokens: TokenSet, claimed: Lease) -> bool:
        """Swap the token, which gives the lease back, or see to both being done.

        False where its generation has moved on. Raises `journal.Gone`.
        """

    @abstractmethod
    def fail(self, attempt: Attempt, failure: OAuthFailure, claimed: Lease, held_until: datetime | None) -> None:
        """Note why not; uncounted where the provider is known to be down (`held_until`). Raises `journal.Gone`."""

    @abstractmethod
    def interrupted(self, attempt: Attempt, claimed: Lease) -> bool:
        """End an attempt without an answer. True where the next one has to wait. Raises `journal.Gone`."""

    def work(self, *, wanted: bool, on_demand: bool = False, insist: bool = False) -> Outcome:
        """Claim the lease, finish what was left unfinished, and renew where that is still `wanted`.

        `on_demand`: a bot waits for it. `insist`: a person wants it tried though the provider is down. Raises `Held`.
        """
        try:
            self.look()
        except journal.Gone:
            return Outcome.ENDED
        claimed = None
        address = self.address() if wanted else ""
        try:
            if address:
                entered = bulkhead.enter(self.token, address, on_demand=on_demand, insist=insist)
                if entered is not None:
                    claimed, self.endpoint = entered
            else:
                claimed = lease.claim(self.token)
        except Held:
            # An answer that a dead process has stored needs nobody's leave.
            if not any(attempt.state == AttemptState.ANSWERED for attempt in self.left_unfinished()):
                raise
            claimed, wanted = lease.claim(self.token), False
        return self.carry_on(claimed, wanted=wanted) if claimed else Outcome.BUSY

    def carry_on(self, claimed: Lease, *, wanted: bool, attempt: Attempt | None = None) -> Outcome:
        """With the lease, which is given back. `attempt`: that one was begun, and nothing was left unfinished."""
        outcome: Outcome | None = None
        try:
            outcome = None if attempt else self._finish_interrupted(claimed)
            if outcome is None:
                outcome = self._renew(claimed, attempt) if wanted else Outcome.NOT_DUE
        except journal.Gone:
            return Outcome.ENDED
        else:
            return outcome
        finally:
            if outcome is not Outcome.RENEWED:  # the swap has given it back
                lease.release(claimed)

    def _finish_interrupted(self, claimed: Lease) -> Outcome | None:
        """Apply the answer that a dead process had stored. None without one: then the old token is tried again.

        At once the first time; a token at which one process after another dies waits longer and longer.
        """
        outcome: Outcome | None = None
        for attempt in self.left_unfinished():
            if attempt.state == AttemptState.ANSWERED and outcome is None:
                outcome = self._settle(attempt, claimed)
            elif self.interrupted(attempt, claimed):
                outcome = outcome or Outcome.WAIT
        return outcome

    def _renew(self, claimed: Lease, attempt: Attempt | None) -> Outcome:
        """Ask the token endpoint, with the journal around the call."""
        if not self.can_renew():
            self.stop_trying()
            return Outcome.ENDED
        attempt = attempt or self.begin()
        try:
            self._ask(attempt, claimed)
        except OAuthFailure as failure:
            return self._after_failure(attempt, failure, claimed, heard=not failure.permanent)
        return self._settle(attempt, claimed, heard=True)

    def _ask(self, attempt: Attempt, claimed: Lease) -> None:
        """One call to the token endpoint; its answer is stored and not yet looked at. Raises `OAuthFailure`."""
        try:
            self.prepare()
        except Unsealable:
            raise OAuthFailure("secrets_unreadable", "", permanent=True) from None
        if not claimed.may_still_send():
            raise NotSent("timeout", "", permanent=False)
        transport = GuardedAdapter(deadline=CALL_SECONDS)
        try:
            raw = self.request(transport)
        finally:
            transport.close()
        journal.keep_answer(attempt, raw, last_moment_to_store(claimed.claimed))

    def _settle(self, attempt: Attempt, claimed: Lease, *, heard: bool = False) -> Outcome:
        """Parse the stored answer and swap the token, or note why not. `heard`: it was given just now."""
        try:
            tokens = answer.parse(journal.kept_answer(attempt), secrets=self.sent_secrets(attempt))
            self.check(tokens)
        except OAuthFailure as failure:
            return self._after_failure(attempt, failure, claimed, heard=heard)
        except Unsealable:
            return self._after_failure(attempt, OAuthFailure("secrets_unreadable", "", permanent=True), claimed)
        if heard and self.endpoint is not None:
            breaker.note_answer(self.endpoint)
        return Outcome.RENEWED if self.apply(attempt, tokens, claimed) else Outcome.BUSY

    def _after_failure(
        self, attempt: Attempt, failure: OAuthFailure, claimed: Lease, *, heard: bool = False
    ) -> Outcome:
        """`heard`: the provider has just said so, or did not answer just now."""
        held_until = None
        if heard and self.endpoint is not None and not isinstance(failure, NotSent):
            held_until = breaker.note(self.endpoint, failure, self.token)
        self.fail(attempt, failure, claimed, held_until)
        return Outcome.ENDED if failure.permanent else Outcome.WAIT
