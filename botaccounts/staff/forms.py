"""The one field of a second factor."""

from django import forms


class CodeForm(forms.Form):
    """A code of the app, or a recovery code where there are some."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="The six digits that your authenticator app shows now.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false", "autofocus": True}
        ),
    )


class CodeOrRecoveryForm(CodeForm):
    """For somebody whose app may be lost."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["code"]
        field.help_text = "The six digits that your authenticator app shows now, or one of your recovery codes."
        field.widget.attrs.pop("inputmode")
