"""Accounts, organizations, who belongs to them, and what was done in them.

Nothing here disappears along with something else (`PROTECT` everywhere): each removal is a use case of its own in
`services.py`, which writes its audit entry. What must hold at any time is a constraint of the database.
"""

from organizations.models.log import SYSTEM_CHAIN, AppendOnly, AuditChain, AuditEntry, AuditEntryQuerySet
from organizations.models.people import (
    NAME_LENGTH,
    Account,
    Bot,
    Invitation,
    Membership,
    Organization,
    Role,
    stripped_name,
)
from organizations.models.service_token import ServiceToken, ServiceTokenQuerySet

__all__ = [
    "NAME_LENGTH",
    "SYSTEM_CHAIN",
    "Account",
    "AppendOnly",
    "AuditChain",
    "AuditEntry",
    "AuditEntryQuerySet",
    "Bot",
    "Invitation",
    "Membership",
    "Organization",
    "Role",
    "ServiceToken",
    "ServiceTokenQuerySet",
    "stripped_name",
]
