"""The fields of a Mutual Authentication credential: labels, help and order are the specification's.

An upload is kept in the draft as it came, with the password that was typed beside it, so that going back loses nothing
and a mistyped password does not cost the file. Once it has been opened, what it holds stands beside it.
"""

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from django import forms

from credentials.keystores import MAX_BYTES, KeyStore, Refused, TrustStore, WrongPassword, open_key_store
from credentials.keystores import open_trust_store as open_trust
from credentials.types.base import Values
from credentials.types.mutual import context, describe
from credentials.types.room_form import RoomForm

Opener = Callable[[bytes, str], KeyStore | TrustStore]
KEY, TRUST = "key_certificate", "trust_certificate"
REMOVE = "remove_trust_certificate"
LIMIT = f"at most {MAX_BYTES // 1024} kB"
UNVERIFIED = "What the file holds is shown before you save; that a server accepts it must be verified externally."


class Upload(Protocol):
    """A file of the form."""

    def seek(self, position: int, /) -> Any: ...

    def read(self) -> bytes: ...


class UploadField(forms.FileField):
    """A small file, read at once: its bytes are the value, and its name is not looked at."""

    def __init__(self, *, accept: str, **kwargs: Any) -> None:
        super().__init__(widget=forms.FileInput(attrs={"accept": accept}), allow_empty_file=True, **kwargs)
        self.error_messages["required"] = f"Upload a file of {LIMIT}."

    def clean(self, data: Any, initial: Any = None) -> bytes:
        uploaded = super().clean(data)
        if not uploaded:
            return b""
        if not uploaded.size:
            raise forms.ValidationError("The file is empty.", code="empty")
        if uploaded.size > MAX_BYTES:
            raise forms.ValidationError(f"The file is larger than {MAX_BYTES // 1024} kB.", code="too_large")
        return content_of(uploaded)


class FilePasswordField(forms.CharField):
    """The password of a file. Not stripped; blank is a password too."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"})
        super().__init__(required=False, strip=False, max_length=1000, widget=widget, **kwargs)


class MutualForm(RoomForm):
    """Key Certificate, Trust Certificate, their passwords, Cryptographic Protocols.

    Where a trust certificate is there already, it can be removed. Of a credential that is edited only if the keystore
    has one of its own: an edit never widens whom it trusts from somebody in particular to every public authority.
    """

    secret = (KEY, TRUST)

    key_certificate = UploadField(
        label="Key Certificate",
        accept=".p12,.pfx,.jks",
        help_text=f"The file that contains the private and public keys: .pfx, .p12 (recommended) or .jks, {LIMIT}. "
        f"{UNVERIFIED}",
    )
    trust_certificate = UploadField(
        label="Trust Certificate",
        accept=".crt,.cer,.pem",
        required=False,
        help_text=f"The file that contains the trusted resources: .crt, .cer or .pem, {LIMIT}. Not required if the "
        f"keystore already has the trust certificate. {UNVERIFIED}",
    )
    key_certificate_password = FilePasswordField(
        label="Key Certificate Password",
        help_text="If the key certificate requires a password, enter it here. It opens the file now and is not stored.",
    )
    trust_certificate_password = FilePasswordField(
        label="Trust Certificate Password",
        help_text="If the trust certificate requires a password, enter it here. It opens the file now and is not "
        "stored.",
    )
    protocols = forms.MultipleChoiceField(
        label="Cryptographic Protocols",
        required=False,
        choices=[(name, label) for name, (label, _) in context.VERSIONS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="The encryption/decryption protocols that are supported by the trusted resources. If you leave this "
        "blank, the default value of TLS 1.2 and TLS 1.1 is used.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if TRUST in self.configured_fields:
            self.fields[REMOVE] = forms.BooleanField(
                label="Remove the Trust Certificate",
                required=False,
                help_text="Not required if the keystore already has the trust certificate.",
            )
            before, trust, after = ",".join(self.fields).partition(TRUST)
            self.order_fields([*before.split(","), trust, REMOVE, *after.split(",")])

    def clean_protocols(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["protocols"]
        if {"TLSv1.1", "TLSv1.3"} == set(chosen):
            raise forms.ValidationError(
                "TLS 1.1 and TLS 1.3 cannot be used without TLS 1.2 between them. Select TLS 1.2 as well.", code="gap"
            )
        return [name for name in context.VERSIONS if name in chosen]

    def typed(self) -> dict[str, Any]:
        """The uploads as they came, each with the password that was typed for it. A refused file is not kept."""
        kept = {name: self.stored.get(name) if name in self.errors else self._upload(name) for name in self.secret}
        if self._is_to_go():
            kept[TRUST] = None
        return {"protocols": self["protocols"].data, **{name: value for name, value in kept.items() if value}}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        passwords = {name: cleaned.pop(f"{name}_password", "") for name in self.secret}
        if cleaned.pop(REMOVE, False):
            self._remove()
        for name, opener in ((KEY, open_key_store), (TRUST, open_trust)):
            opens = name not in self.errors and name not in self.removed
            cleaned[name] = self._opened(name, opener, passwords[name]) if opens else ""
        if not self.errors:
            self._judge(cleaned)
        if cleaned.get(KEY):
            cleaned["key"] = describe.key_facts(cleaned[KEY]["opened"])
        if cleaned.get(TRUST):
            cleaned["trust"] = describe.trust_facts(cleaned[TRUST]["opened"])
        elif self.removed or not self.configured_fields:
            cleaned["trust"] = None
        if self.payload and not self.errors:
            self._require_trust({**self.payload, **cleaned})
        return cleaned

    def _is_to_go(self) -> bool:
        return REMOVE in self.fields and bool(self[REMOVE].data) and not self.files.get(self.add_prefix(TRUST))

    def _remove(self) -> None:
        if self._is_to_go():
            self.removed = (TRUST,)
        else:
            self.add_error(REMOVE, "Remove the trust certificate or upload another one, not both.")

    def _require_trust(self, after: Values) -> None:
        """An edit must not leave nobody in particular to trust where there was somebody."""
        before = self.payload
        if after["trust"] or after["key"]["trusted"] or not (before["trust"] or before["key"]["trusted"]):
            return
        if self.removed:
            self.add_error(REMOVE, "The keystore has no trust certificate of its own. Upload another one instead.")
        else:
            self.add_error(TRUST, "The new keystore has no trust certificate of its own. Upload the trust certificate.")

    def _upload(self, name: str) -> dict[str, Any] | None:
        """What was uploaded now or before, with the password that goes with it."""
        password = str(self[f"{name}_password"].data or "")
        uploaded = self.files.get(self.add_prefix(name))
        if uploaded is not None and uploaded.size and uploaded.size <= MAX_BYTES:
            return {"upload": base64.b64encode(content_of(uploaded)).decode(), "password": password}
        before: Values = self.stored.get(name) or {}
        if password and before:
            return {"upload": before["upload"], "password": password}
        return dict(before) or None

    def _opened(self, name: str, opener: Opener, password: str) -> dict[str, Any] | str:
        upload = self._upload(name)
        if upload is None:
            if password:
                self.add_error(name, "Upload the file again: its password was not stored, and is of no use alone.")
            return ""
        if "opened" not in upload:
            try:
                opened = opener(base64.b64decode(upload["upload"]), upload["password"])
            except WrongPassword as refusal:
                self.add_error(f"{name}_password", str(refusal))
                return ""
            except Refused as refusal:
                self.add_error(name, str(refusal))
                return ""
            upload["opened"] = opened.to_json()
        return upload

    def _judge(self, cleaned: dict[str, Any]) -> None:
        """What makes a key certificate useless from the start."""
        if not cleaned[KEY]:
            return
        opened = cleaned[KEY]["opened"]
        ends = datetime.fromisoformat(opened["chain"][0]["facts"]["not_after"])
        if ends <= datetime.now(UTC):
            self.add_error(KEY, f"The key certificate ended on {ends:%Y-%m-%d}. Upload one that is valid.")
            return
        try:
            context.build(cleaned.get("protocols", ()), opened, ())
        except ssl.SSLError as error:
            self.add_error(KEY, f"The key certificate cannot be used with these protocols: {describe.reason(error)}.")


def content_of(uploaded: Upload) -> bytes:
    """Its bytes, from the start, however often it has been read."""
    uploaded.seek(0)
    content: bytes = uploaded.read()
    uploaded.seek(0)
    return content
