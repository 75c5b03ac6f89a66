"""Every role with every action, spelled out: a change of the rules has to be made here too."""

import pytest

from organizations.models import Role
from organizations.policies import SUMMARIES, Action, allowed, allows

SEEING = {"see_credentials", "see_integrations", "see_bots"}
EXPECTED = {
    Role.ADMINISTRATOR: {
        *SEEING,
        "manage_credentials",
        "manage_integrations",
        "call_integrations",
        "manage_bots",
        "see_members",
        "manage_members",
        "manage_service_tokens",
        "manage_webhooks",
        "see_activity",
        "manage_account",
    },
    Role.CREDENTIALS_MANAGER: {*SEEING, "manage_credentials", "see_activity"},
    Role.API_DEVELOPER: {*SEEING, "manage_integrations", "call_integrations", "manage_bots"},
    Role.VIEWER: SEEING,
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_promise_29_a_role_may_do_exactly_what_the_rules_say(role, action):
    assert allows(role, action) == (action in EXPECTED[role])
    assert (action in allowed(role)) == (action in EXPECTED[role])


def test_every_role_is_explained():
    assert set(SUMMARIES) == set(Role)
