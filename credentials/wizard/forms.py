"""The first step: Name, Authentication Type, and what a type asks beside them (Grant Type)."""

from typing import Any

from django import forms

from credentials.types.registry import rooms


class NameField(forms.CharField):
    """A credential's name."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Name")
        kwargs.setdefault("max_length", 255)
        kwargs.setdefault("help_text", "A descriptive name.")
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("autocomplete", "off")


class BasicsForm(forms.Form):
    """Each type's own fields stand here too and count only where that type is chosen."""

    name = NameField()
    kind = forms.ChoiceField(label="Authentication Type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101
        kind.choices = [("", "Select an authentication type"), *((entry.kind, entry.label) for entry in rooms())]
        self.owners: dict[str, str] = {}
        for entry in rooms():
            for name, field in entry.first_step_fields().items():
                field.required = False
                field.counts_for = entry.label  # type: ignore[attr-defined]
                field.widget.attrs["data-shown-for"] = entry.kind
                self.fields[name] = field
                self.owners[name] = entry.kind

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name, owner in self.owners.items():
            if owner != cleaned.get("kind"):
                cleaned.pop(name, None)
            elif not cleaned.get(name) and name not in self.errors:
                self.add_error(name, forms.ValidationError("This field is required.", code="required"))
        return cleaned
