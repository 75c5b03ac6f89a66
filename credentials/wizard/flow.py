"""The steps of the wizard, as a value: which there are, which comes next, what the last button says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from credentials.types.base import CredentialType, Step
from credentials.types.registry import UnknownType, room, rooms

FIRST = Step("basics", "Name and type")


@dataclass(frozen=True)
class Progress:
    """One entry of the progress line. `state` is "done", "current" or "todo"."""

    label: str
    state: str


@dataclass(frozen=True)
class Flow:
    """The steps for what was chosen in the first one; only the first while nothing has been chosen."""

    room: CredentialType | None
    steps: tuple[Step, ...]

    @classmethod
    def after(cls, first: Mapping[str, Any]) -> "Flow":
        """The flow for the values of the first step."""
        try:
            chosen = room(first.get("kind", ""))
            return cls(chosen, (FIRST, *chosen.steps(first)))
        except (UnknownType, KeyError):
            return cls(None, (FIRST,))

    def step(self, slug: str) -> Step | None:
        return next((step for step in self.steps if step.slug == slug), None)

    def next(self, step: Step) -> Step | None:
        following = self.steps.index(step) + 1
        return self.steps[following] if following < len(self.steps) else None

    def previous(self, step: Step) -> Step | None:
        position = self.steps.index(step)
        return self.steps[position - 1] if position else None

    def action_label(self, step: Step) -> str:
        """*Next*, or the button that ends this type's wizard: *Authorize* or *Save*."""
        if self.room is None or self.next(step):
            return "Next"
        return self.room.final_action

    def progress(self, step: Step) -> list[Progress]:
        here = self.steps.index(step)
        states = [
            "done" if position < here else "current" if position == here else "todo"
            for position in range(len(self.steps))
        ]
        return [Progress(entry.label, state) for entry, state in zip(self.steps, states, strict=True)]


def only_step_types() -> list[str]:
    """The types that ask for nothing after the first step."""
    return [each.kind for each in rooms() if not each.first_step_fields() and not each.steps({})]
