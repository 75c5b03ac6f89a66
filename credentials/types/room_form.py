"""The form of one step of a room: what is secret in it, what hides behind *Advanced*, and what a draft keeps of it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms

Values = Mapping[str, Any]


class RoomForm(forms.Form):
    """The form of one wizard step, and of a part of the edit page.

    `advanced` fields hide behind "Advanced". `secret` fields are write-only: `configured` names those for which a value
    is stored, and leaving one of these blank keeps what is stored. `stored` is what the wizard's draft holds of this
    step, `payload` what the credential that is edited shows of itself. `redirect_uri` is the one that belongs to the
    credential, for a form that compares what was entered with it. `removed` names the stored secrets that a valid form
    takes away: blank alone keeps them.
    """

    advanced: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *args: Any,
        configured: Sequence[str] = (),
        stored: Values | None = None,
        payload: Values | None = None,
        redirect_uri: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stored: Values = stored or {}
        self.payload: Values = payload or {}
        self.removed: tuple[str, ...] = ()
        self.redirect_uri = redirect_uri
        self.configured_fields = tuple(name for name in self.secret if name in configured)
        self.advanced_fields = self.advanced
        for name in self.configured_fields:
            self.fields[name].required = False

    def typed(self) -> dict[str, Any]:
        """What a draft keeps of a form that may not be valid, as JSON.

        A secret left blank keeps the one stored before, and so does one that is refused: what is stored is not put to
        the proof again when it is left blank later. A file stays out: what it holds belongs to a field of the form.
        """
        typed = {name: self[name].data for name, field in self.fields.items() if not isinstance(field, forms.FileField)}
        for name in self.secret:
            if not typed.get(name) or name in self.errors:
                typed[name] = self.stored.get(name, "")
        return typed
