"""How a change of a credential is written to the audit log."""

from collections.abc import Sequence
from typing import Any

from credentials.models import Credential
from organizations import audit, group_commit

VIEWED = "credential.viewed"


def entry(
    credential: Credential, actor: audit.Actor, action: str, *, outcome: str = "ok", **details: Any
) -> audit.NewEntry:
    """An entry about one credential, for `audit.record_all`."""
    return audit.NewEntry(actor, action, "credential", str(credential.pk), credential.name, outcome, details)


def record(
    credential: Credential, actor: audit.Actor, action: str, *, outcome: str = "ok", **details: Any
) -> audit.AuditEntry:
    """Append an entry about one credential. Inside the caller's transaction, as its last statement."""
    told = entry(credential, actor, action, outcome=outcome, **details)
    return audit.record_all({credential.organization_id: [told]})[0]


def tell(
    credential: Credential,
    actor: audit.Actor,
    action: str,
    *,
    outcome: str = "ok",
    along: Sequence[group_commit.Along] = (),
    **details: Any,
) -> None:
    """The same for a use, which changes nothing: committed when this returns, together with those of others."""
    told = entry(credential, actor, action, outcome=outcome, **details)
    group_commit.append(credential.organization_id, [told], along)


def tell_view(credential: Credential, actor: audit.Actor) -> None:
    """Somebody is shown which secrets there are, and none of them."""
    tell(credential, actor, VIEWED)
