"""Edit a credential on one page: its name and the fields of all its steps."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.browser import begin_authorization
from credentials.crypto.envelope import Unsealable
from credentials.models import Credential
from credentials.services.add import NameTaken
from credentials.services.addresses import shown_redirect_uri
from credentials.services.edit import EditedMeanwhile, SecretsNeeded, edit
from credentials.services.records import tell_view
from credentials.types.registry import UnknownType, room
from credentials.types.room_form import RoomForm
from credentials.views.find import find_credential
from credentials.views.presentation import present, redirect_uri_of
from organizations.access import Access, in_organization
from organizations.pages import done
from organizations.policies import Action


class CommonFields(forms.Form):
    """What every type has. `version` is the one that the page was made from."""

    name = forms.CharField(label="Name", max_length=255, help_text="A descriptive name.")
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)


def form_for(credential: Credential) -> type[forms.Form]:
    """The name and the forms of all the type's steps as one."""
    try:
        steps = room(credential.kind).steps(credential.payload)
    except UnknownType:
        raise Http404("This version does not know the type of this credential.") from None
    parts = [step.form for step in steps if step.form]
    order = ("name", *(name for part in parts for name in (part.field_order or part.base_fields)))
    return type("EditForm", (*parts, CommonFields), {"field_order": order})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_organization(Action.MANAGE_CREDENTIALS)
def edit_page(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponseBase:
    credential = find_credential(access, credential_id)
    form = make_form(credential, request)
    if request.method == "POST" and form.is_valid() and save(access, credential, form):
        if "authorize" in request.POST:
            return begin_authorization(request, access, find_credential(access, credential_id))
        said = f"The credential “{form.cleaned_data['name']}” was saved."
        return done(request, said, present(access, credential).detail_url)
    view = present(access, credential)
    context = {
        "access": access,
        "credential": view,
        "form": form,
        "post_url": view.edit_url,
        "cancel_url": view.detail_url,
        **redirect_uri_of(credential),
    }
    tell_view(credential, access.actor)
    return render(request, "credentials/edit.html", context)


def make_form(credential: Credential, request: HttpRequest) -> forms.Form:
    kind = form_for(credential)
    kwargs: dict[str, Any] = {}
    if issubclass(kind, RoomForm):
        kwargs["configured"] = room(credential.kind).configured(credential.payload) if credential.secrets else ()
        kwargs["payload"] = credential.payload
        number = credential.organization.account.number
        kwargs["redirect_uri"] = shown_redirect_uri(room(credential.kind), credential.pk, number)
    if request.method == "POST":
        return kind(request.POST, request.FILES, **kwargs)
    entered = room(credential.kind).entered(credential.payload)
    return kind(initial={**entered, "name": credential.name, "version": credential.version}, **kwargs)


def save(access: Access, credential: Credential, form: forms.Form) -> bool:
    """False, with the error at the right field, where it was refused."""
    cleaned = dict(form.cleaned_data)
    name, version = cleaned.pop("name"), cleaned.pop("version")
    # What the first step asked for cannot change: another grant is another credential.
    entered = {**room(credential.kind).entered(credential.payload), **cleaned}
    try:
        edit(access, credential, version=version, name=name, entered=entered, removed=getattr(form, "removed", ()))
    except NameTaken:
        form.add_error("name", "There is already a credential of this name in the organization.")
    except SecretsNeeded as needed:
        for field in needed.fields:
            form.add_error(field, "Enter it again: the address has changed, and it is not sent to a new host unasked.")
    except EditedMeanwhile:
        form.add_error(
            None, "Somebody else has saved this credential meanwhile. Open the page again and repeat your change."
        )
    except Unsealable:
        for field in getattr(form, "secret", ()):
            form.add_error(field, "What is stored cannot be opened any more. Enter it again.")
    else:
        return True
    return False
