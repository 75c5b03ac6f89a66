"""How a change of a credential is written to the audit log."""

from typing import Any

from credentials.models import Credential
from organizations import audit


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
