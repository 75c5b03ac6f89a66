"""Who may do what in an organization.

- An **administrator** may do everything, and is the only one who sees or changes members, creates or revokes service
  tokens, or sets up webhooks and the account's identity provider.
- A **credentials manager** sees and manages credentials, sees which bots and integrations use them, and reads the
  activity log. They do not build integrations and do not call them.
- An **API developer** sees credentials' names and status, so as to select one for an integration, but cannot change,
  authorize or delete one. They build bots and integrations, and call them to try them out.
- A **viewer** sees credentials' status, bots and integrations, and changes nothing.

Nobody sees a secret: there is no action for it.
"""

import enum
from collections.abc import Mapping

from organizations.models import Role


class Action(enum.StrEnum):
    """Something that a member may or may not do."""

    SEE_CREDENTIALS = "see_credentials"
    MANAGE_CREDENTIALS = "manage_credentials"
    SEE_INTEGRATIONS = "see_integrations"
    MANAGE_INTEGRATIONS = "manage_integrations"
    CALL_INTEGRATIONS = "call_integrations"
    SEE_BOTS = "see_bots"
    MANAGE_BOTS = "manage_bots"
    SEE_MEMBERS = "see_members"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_SERVICE_TOKENS = "manage_service_tokens"
    MANAGE_WEBHOOKS = "manage_webhooks"
    SEE_ACTIVITY = "see_activity"
    MANAGE_ACCOUNT = "manage_account"


_SEE = frozenset({Action.SEE_CREDENTIALS, Action.SEE_INTEGRATIONS, Action.SEE_BOTS})

_ALLOWED: Mapping[Role, frozenset[Action]] = {
    Role.ADMINISTRATOR: frozenset(Action),
    Role.CREDENTIALS_MANAGER: _SEE | {Action.MANAGE_CREDENTIALS, Action.SEE_ACTIVITY},
    Role.API_DEVELOPER: _SEE | {Action.MANAGE_INTEGRATIONS, Action.CALL_INTEGRATIONS, Action.MANAGE_BOTS},
    Role.VIEWER: _SEE,
}

SUMMARIES: Mapping[Role, str] = {
    Role.ADMINISTRATOR: "Everything, including members and service tokens.",
    Role.CREDENTIALS_MANAGER: "Adds, authorizes, edits and deletes credentials; reads the activity.",
    Role.API_DEVELOPER: "Builds bots and integrations, selects credentials for them, and sends test requests.",
    Role.VIEWER: "Sees credentials' status, bots and integrations; changes nothing.",
}


def allowed(role: Role) -> frozenset[Action]:
    """Everything that a role may do."""
    return _ALLOWED[role]


def allows(role: Role, action: Action) -> bool:
    """Whether a member with `role` may do `action`; the module's docstring says why."""
    return action in _ALLOWED[role]
