"""What came of everything that was asked in a round."""

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field

PROBLEMS = ("lost", "burnt", "leaked", "5xx after", "500 meanwhile", "chain", "queue", "died")
"""Columns that have to be zero.

`lost`: a credential, or a form that was acknowledged, is not there, or works no more. `burnt`: a grant is dead though
the answer with its successor had been stored, or had arrived at a process that nobody killed. `leaked`: a token came to
an organization, a consumer or a conversation that it does not belong to. `5xx after`: after the recovery. `500
meanwhile`: an internal error at any time. `chain`: the audit log does not verify, or does not tell of every token that
was served. `queue`: something is still to be done when the deadline is over. `died`: a process ended by itself.
"""


@dataclass
class Ledger:
    """Of one round. `strict` is set once everything has recovered; from then on every 5xx counts.

    `saved` are forms that were acknowledged, with the secret in each; `came_back` are credentials for which a code was
    accepted.
    """

    fault: str
    is_the_providers: bool = False
    strict: bool = False
    asked: int = 0
    served: int = 0
    to_authorize: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    waited_for: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)
    came_back: list[uuid.UUID] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def problem(self, column: str, detail: str) -> None:
        with self._lock:
            assert column in PROBLEMS
            self.problems[column] += 1
            self.details.append(f"{column}: {detail}")

    def note(self, what: str, status: int, text: str = "") -> None:
        """One answer; 0 where there was none."""
        with self._lock:
            self.asked += 1
            self.answers[f"{what} {status}"] += 1
        if self.strict and (status >= 500 or status == 0):
            self.problem("5xx after", f"{what}: {status} {text[:300]}")
        elif status == 500:
            self.problem("500 meanwhile", f"{what}: {text[:300]}")

    def note_served(self) -> None:
        with self._lock:
            self.served += 1

    def note_saved(self, credential_id: str, secret: str) -> None:
        """A form was acknowledged: it is there for good."""
        with self._lock:
            self.saved[credential_id] = secret
