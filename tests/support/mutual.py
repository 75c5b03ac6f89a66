"""A Mutual Authentication credential as the dialog would have saved it, and calls that use it."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from credentials.models import Credential
from credentials.services.add import add
from credentials.services.call import CallResult
from credentials.services.call import call as call_integration
from credentials.types.mutual.forms import MutualForm
from organizations.access import Access, enter
from organizations.policies import Action
from tests.support.calls import BOT
from tests.support.credentials import make_integration
from tests.support.keystores import PASSWORD
from tests.support.people import Cast

KIND = "mutual_authentication"


def access_of(cast: Cast) -> Access:
    return enter(cast.bob, cast.organization.pk, Action.MANAGE_CREDENTIALS)


def form_with(
    key: bytes = b"",
    trust: bytes = b"",
    *,
    password: str = PASSWORD,
    trust_password: str = "",
    protocols: Sequence[str] = (),
    name: str = "upload",
    **kwargs: Any,
) -> MutualForm:
    """The form as it was sent, with or without each of the files."""
    files = {
        field: SimpleUploadedFile(name, content)
        for field, content in (("key_certificate", key), ("trust_certificate", trust))
        if content
    }
    posted = {
        "key_certificate_password": password,
        "trust_certificate_password": trust_password,
        "protocols": list(protocols),
    }
    return MutualForm(posted, files, **kwargs)


def save(cast: Cast, key: bytes, trust: bytes = b"", *, name: str = "Partner", **entered: Any) -> Credential:
    form = form_with(key, trust, **entered)
    assert form.is_valid(), form.errors
    return add(access_of(cast), credential_id=uuid.uuid4(), name=name, kind=KIND, entered=form.cleaned_data)


def call(cast: Cast, credential: Credential | None, url: str) -> CallResult:
    integration = make_integration(cast.organization, url, name=uuid.uuid4().hex, credential=credential)
    return call_integration(integration, {}, actor=BOT)
