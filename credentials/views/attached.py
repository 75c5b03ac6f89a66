"""The credential that an integration or a domain uses: how it is chosen, and how it shows."""

from dataclasses import dataclass

from django import forms

from credentials.models import Credential
from credentials.services.describe import type_of
from credentials.views.addresses import url_of
from credentials.views.presentation import status_of
from organizations.access import Access


class CredentialChoice(forms.ModelChoiceField):
    """A credential by its name, with its type and how it stands."""

    def label_from_instance(self, obj: Credential) -> str:
        return f"{obj.name} ({type_of(obj)}: {status_of(obj).status})"


@dataclass(frozen=True)
class Attached:
    """For `credentials/_attached.html`."""

    name: str
    type: str
    detail_url: str
    status: str
    status_tone: str
    status_icon: str


def attached(access: Access, credential: Credential | None) -> Attached | None:
    """`credential` with its token already loaded."""
    if credential is None:
        return None
    shown = status_of(credential)
    return Attached(
        name=credential.name,
        type=type_of(credential),
        detail_url=url_of("detail", access, credential.pk),
        status=shown.status,
        status_tone=shown.status_tone,
        status_icon=shown.status_icon,
    )
