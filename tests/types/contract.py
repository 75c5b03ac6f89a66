"""What each room promises. A type's own test file supplies a `Sample` per variant; the suite does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from credentials.types.base import CredentialType
from credentials.types.registry import room
from credentials.types.room_form import RoomForm


@dataclass(frozen=True)
class Sample:
    """One credential as a person enters it.

    `first` are the fields beside Name and Authentication Type; `steps` maps the slug of a step to what is posted there.
    `secrets` names the fields that nobody may ever see again. `labels` are the specification's, in its order. `files`
    maps the slug of a step to what is uploaded there; `passing` names the posted secrets that are used once and stored
    nowhere.
    """

    kind: str
    title: str
    first: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    passing: Sequence[str] = ()
    labels: Sequence[str] = ()
    final_action: str = "Save"
    redirect_uri: str = "https://bots.example.com/oauth2/callback/6c2a/"

    def __str__(self) -> str:
        return self.title

    @property
    def room(self) -> CredentialType:
        return room(self.kind)

    def form(self, slug: str, *, configured: Sequence[str] = (), **changes: str) -> RoomForm:
        """The bound form of a step; `changes` replace what is posted."""
        step = next(step for step in self.room.steps(self.first) if step.slug == slug)
        assert step.form is not None
        uploads = {name: SimpleUploadedFile("upload", content) for name, content in self.files.get(slug, {}).items()}
        posted = {**self.steps[slug], **changes}
        return step.form(posted, uploads, configured=configured, redirect_uri=self.redirect_uri)

    def entered(self) -> dict[str, Any]:
        """The cleaned values of all steps together, as the wizard hands them to `split`."""
        values: dict[str, Any] = dict(self.first)
        for step in self.room.steps(self.first):
            if step.form is not None:
                form = self.form(step.slug)
                assert form.is_valid(), form.errors
                values |= form.cleaned_data
        return values

    def secret_values(self) -> list[str]:
        return [*self._posted(self.secrets), *self.passing_values()]

    def passing_values(self) -> list[str]:
        return self._posted(self.passing)

    def _posted(self, names: Sequence[str]) -> list[str]:
        return [posted[name] for posted in self.steps.values() for name in names if name in posted]
