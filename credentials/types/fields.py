"""Fields that several types share: what they accept can stand in a header, or is encoded so that it can."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from django import forms

# Far more than any resource takes: servers commonly refuse header fields of 8 kB.
MAX_CHARACTERS = 8000


def holds_control_character(text: str) -> bool:
    """Whether it holds a line break, another control character, or half of a character that UTF-8 cannot encode."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


class OneLineField(forms.CharField):
    """Text without line breaks and control characters."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", MAX_CHARACTERS)
        kwargs.setdefault("widget", forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if holds_control_character(text):
            raise forms.ValidationError("It holds a line break or another control character.", code="characters")
        return text


class SecretField(OneLineField):
    """One line that is never shown again. Not stripped: a password may begin or end with a space."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("strip", False)
        kwargs.setdefault("widget", forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}))
        super().__init__(**kwargs)


class SuggestingField(OneLineField):
    """Free text beside which a browser offers `suggestions` (a datalist, so without any script)."""

    def __init__(self, *, suggestions: Sequence[str], **kwargs: Any) -> None:
        self.suggestions = tuple(suggestions)
        super().__init__(**kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound: forms.BoundField = super().get_bound_field(form, field_name)
        self.widget.attrs["list"] = f"{bound.auto_id}_suggestions"
        return bound
