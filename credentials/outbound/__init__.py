"""The one way out: every request to an address that somebody typed goes through here.

`guarded_session` for whoever needs a session, `GuardedAdapter` for whoever brings one, `check_url` for forms, and
`origin` and `leads_to_the_same_place` to tell two places apart.
"""

from credentials.outbound.adapter import (
    DEFAULT_DEADLINE_SECONDS,
    DEFAULT_MAX_BYTES,
    GuardedAdapter,
    guarded_session,
    load_public_authorities,
)
from credentials.outbound.errors import Blocked, DeadlineExceeded, TlsRefused, TooLarge, Unreachable
from credentials.outbound.policy import Allowance, check_url, is_named, leads_to_the_same_place, origin, parse_allow

__all__ = [
    "DEFAULT_DEADLINE_SECONDS",
    "DEFAULT_MAX_BYTES",
    "Allowance",
    "Blocked",
    "DeadlineExceeded",
    "GuardedAdapter",
    "TlsRefused",
    "TooLarge",
    "Unreachable",
    "check_url",
    "guarded_session",
    "is_named",
    "leads_to_the_same_place",
    "load_public_authorities",
    "origin",
    "parse_allow",
]
