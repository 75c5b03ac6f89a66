"""NLU Provider and Credentials: JSON that is pasted, or comes as a file."""

import json
from typing import Any

from django import forms

from credentials.types.nlu import document
from credentials.types.nlu.document import Unfit
from credentials.types.nlu.table import PROVIDERS
from credentials.types.room_form import RoomForm

FILE_SUFFIX = "_file"


class PastedOrUploaded(forms.Textarea):
    """A text area that is never filled in again. Left blank, it takes the text of the file beside it."""

    def format_value(self, value: Any) -> None:
        return None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        pasted = super().value_from_datadict(data, files, name)
        upload = files.get(name + FILE_SUFFIX) if files else None
        if pasted or upload is None:
            return pasted
        upload.seek(0)
        # One byte more than may be: that it is too large is for the form to say.
        return as_text(upload.read(document.MAX_BYTES + 1))


def as_text(data: bytes) -> str:
    """JSON in any of its encodings; bytes that are none become halves of characters, which no field accepts."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


class NluForm(RoomForm):
    """NLU Provider, Credentials."""

    advanced = ("location",)
    secret = ("credentials",)

    provider = forms.ChoiceField(
        label="NLU Provider",
        choices=[("", "Select an NLU provider"), *((name, provider.label) for name, provider in PROVIDERS.items())],
        help_text="The NLU provider.",
    )
    credentials = forms.CharField(
        label="Credentials",
        widget=PastedOrUploaded(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="Paste here the credentials that you received from the NLU provider when you set up the service. "
        "The credentials must be in JSON format.",
    )
    credentials_file = forms.FileField(
        label="Credentials as a file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text="Instead of pasting them.",
    )
    location = forms.RegexField(
        # It becomes a part of a host name.
        r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$",
        label="Location",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Of a Google Dialogflow agent that is not global, such as europe-west1.",
        error_messages={"invalid": "A location has lower-case letters, digits and hyphens, such as europe-west1."},
    )

    def clean_location(self) -> str:
        location: str = self.cleaned_data["location"]
        provider = PROVIDERS.get(self.cleaned_data.get("provider", ""))
        if location and provider and not provider.has_locations:
            raise forms.ValidationError(f"{provider.label} has none: its URL says where it is.", code="no_location")
        return "" if location == "global" else location

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        # Its text is in `credentials`; the file and its name are not kept.
        if cleaned.pop("credentials_file", None) and self.data.get(self.add_prefix("credentials")):
            self.add_error("credentials", forms.ValidationError("Paste them or upload a file, not both.", code="both"))
            return cleaned
        text = cleaned.get("credentials") or self.stored.get("credentials")
        if not text or "credentials" in self.errors:
            return cleaned
        try:
            members = document.read(text)
            if provider := PROVIDERS.get(cleaned.get("provider", "")):
                provider.read(members)
        except Unfit as unfit:
            self.add_error("credentials", forms.ValidationError(str(unfit), code="unfit"))
        return cleaned
