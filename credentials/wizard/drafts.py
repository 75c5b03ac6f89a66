"""The draft behind a wizard: what was entered at each step, sealed, and whether it was valid when it was entered."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from credentials.crypto.envelope import Unsealable
from credentials.models import Draft
from credentials.models.clock import database_now
from credentials.wizard.flow import FIRST, Flow
from organizations.access import Access

LIFETIME = timedelta(hours=2)
Values = Mapping[str, Any]


class Entered:
    """The entered values of one draft, step by step."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._steps: dict[str, Any] = draft.entered()

    def values(self, slug: str) -> dict[str, Any]:
        return dict(self._steps.get(slug, {}).get("values", {}))

    def is_valid(self, slug: str) -> bool:
        return bool(self._steps.get(slug, {}).get("valid"))

    @property
    def flow(self) -> Flow:
        return Flow.after(self.values(FIRST.slug))

    def all_values(self) -> dict[str, Any]:
        """The values of every step of the flow together."""
        return {name: value for step in self.flow.steps for name, value in self.values(step.slug).items()}

    def keep(self, slug: str, values: Values, *, valid: bool) -> None:
        """Store what was entered at a step. A new choice in the first step puts the later ones to the proof again."""
        if slug == FIRST.slug and {**values} != self.values(slug):
            for later in self._steps.values():
                later["valid"] = False
        self._steps[slug] = {"values": dict(values), "valid": valid}
        self.draft.seal("data", self._steps)
        self.draft.save()


def begin(access: Access) -> Entered:
    return Entered(Draft(organization=access.organization, owner=access.user, expires_at=database_now() + LIFETIME))


def find(access: Access, draft_id: UUID) -> Entered | None:
    """The person's own draft in this organization, if it has not ended."""
    draft = Draft.objects.filter(
        pk=draft_id, owner=access.user, organization=access.organization, expires_at__gt=database_now()
    ).first()
    try:
        return Entered(draft) if draft else None
    except Unsealable:
        return None


def discard(entered: Entered) -> None:
    Draft.objects.filter(pk=entered.draft.pk).delete()
