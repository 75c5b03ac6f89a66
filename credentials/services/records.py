"""How a change of a credential is written to the audit log."""

from collections.abc import Sequence
from typing import Any

from credentials.models import Credential
from organizations import audit, group_commit


def record(
    credential: Credential, actor: audit.Actor, action: str, *, outcome: str = "ok", **details: Any
) -> audit.AuditEntry:
    """Append an entry about one credential. Inside the caller's transaction, as its last statement."""
    return audit.record(
        credential.organization,
        actor,
        action,
        object_type="credential",
        object_id=str(credential.pk),
        object_label=credential.name,
        outcome=outcome,
        details=details or None,
    )


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
    entry = audit.NewEntry(actor, action, "credential", str(credential.pk), credential.name, outcome, details)
    group_commit.append(credential.organization_id, [entry], along)
