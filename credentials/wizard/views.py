"""The wizard's pages. Each works as a page of its own; with scripts the same pages appear inside a dialog."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.browser import begin_authorization
from credentials.models import Credential
from credentials.services.add import AlreadyInAccount, NameTaken, add, name_is_taken, taken_in_account
from credentials.services.addresses import shown_redirect_uri
from credentials.services.identity_provider import is_missing
from credentials.types.base import Step
from credentials.types.room_form import RoomForm
from credentials.wizard import drafts
from credentials.wizard.drafts import Entered
from credentials.wizard.flow import FIRST, Flow, only_step_types
from credentials.wizard.forms import BasicsForm
from organizations.access import Access, in_organization
from organizations.pages import done, go_to
from organizations.policies import Action

ADD_URL = "credentials:add"
STEP_URL = "credentials:add-step"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_organization(Action.MANAGE_CREDENTIALS)
def first(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The first step of a new draft."""
    if request.method != "POST":
        return show(request, access, None, FIRST, BasicsForm())
    return take(request, access, drafts.begin(access), FIRST)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_organization(Action.MANAGE_CREDENTIALS)
def step(request: HttpRequest, access: Access, draft_id: UUID, slug: str) -> HttpResponseBase:
    """A step of a draft that has been begun."""
    entered = drafts.find(access, draft_id)
    if entered is None:
        return gone(request, access, draft_id)
    current = entered.flow.step(slug)
    if current is None or (current != FIRST and not entered.is_valid(FIRST.slug)):
        return redirect(step_url(access, entered, FIRST))
    if request.method == "POST":
        return take(request, access, entered, current)
    return show(request, access, entered, current, blank_form(access, entered, current, check="check" in request.GET))


def take(request: HttpRequest, access: Access, entered: Entered, current: Step) -> HttpResponseBase:
    """Keep what was entered, whatever it is, and go where the pressed button leads."""
    form = bound_form(request, access, entered, current)
    if "back" in request.POST:
        keep_raw(entered, current, form)
        return redirect(step_url(access, entered, entered.flow.previous(current) or FIRST))
    if form is not None and (not form.is_valid() or not is_free(access, form)):
        keep_raw(entered, current, form)
        return show(request, access, entered, current, replaced_form(entered, current, form))
    entered.keep(current.slug, cleaned_values(entered, current, form), valid=True)
    if "check" in request.POST:
        return redirect(step_url(access, entered, current))
    following = entered.flow.next(current)
    return redirect(step_url(access, entered, following)) if following else finish(request, access, entered)


def finish(request: HttpRequest, access: Access, entered: Entered) -> HttpResponseBase:
    """Every step has been valid: make the credential, and authorize it where its type asks for that."""
    if missing := first_missing(entered):
        return redirect(step_url(access, entered, missing))
    values = entered.all_values()
    try:
        credential = add(
            access, credential_id=entered.draft.pk, name=values["name"], kind=values["kind"], entered=values
        )
    except (NameTaken, AlreadyInAccount):
        return redirect(f"{step_url(access, entered, FIRST)}?check")
    drafts.discard(entered)
    if entered.flow.room and entered.flow.room.waits_for_authorization:
        return begin_authorization(request, access, credential)
    url = reverse("credentials:list", args=[access.organization.pk])
    if is_missing(credential):
        # Its page says what is still to be done, and where.
        url = reverse("credentials:detail", args=[access.organization.pk, credential.pk])
    return done(request, f"The credential “{credential.name}” was saved.", url)


def first_missing(entered: Entered) -> Step | None:
    """The first step of the flow that still has to be filled in."""
    return next((step for step in entered.flow.steps if step.form and not entered.is_valid(step.slug)), None)


def summary(entered: Entered) -> dict[str, Any]:
    """What will be saved, as the credential's own page will show it."""
    room = entered.flow.room
    if room is None:
        return {}
    payload, secrets = room.split(entered.all_values())
    configured = [name for name, value in secrets.items() if value not in ("", None)]
    return {"facts": room.facts(payload, configured), "warnings": room.warnings(payload)}


def gone(request: HttpRequest, access: Access, draft_id: UUID) -> HttpResponseBase:
    """The draft is no more: it has become a credential (a form sent twice), or it has ended."""
    if Credential.objects.filter(pk=draft_id, organization=access.organization).exists():
        return go_to(request, reverse("credentials:detail", args=[access.organization.pk, draft_id]))
    messages.warning(request, "What was entered is kept for two hours only. Please start again.")
    return redirect(reverse(ADD_URL, args=[access.organization.pk]))


def show(
    request: HttpRequest, access: Access, entered: Entered | None, current: Step, form: forms.Form | None
) -> HttpResponse:
    flow = entered.flow if entered else Flow.after({})
    organization_id = access.organization.pk
    context = {
        "access": access,
        "flow": {
            "title": "Add Credentials",
            "steps": flow.progress(current),
            "number": flow.steps.index(current) + 1,
            "count": len(flow.steps),
        },
        "form": form,
        "redirect_uri": shown_uri(access, entered) if entered and current.shows_redirect_uri else "",
        "redirect_uri_is_shared": flow.room is not None and flow.room.shared_callback,
        "summary": summary(entered) if entered and current.shows_summary and entered.is_valid(current.slug) else None,
        "check": current.shows_summary,
        "action_label": flow.action_label(current),
        # Types that end here: with scripts, choosing one of them says so on the button.
        "last_for": " ".join(only_step_types()) if current == FIRST else "",
        "back": flow.previous(current) is not None,
        "cancel_url": reverse("credentials:list", args=[organization_id]),
        # A draft that has not been stored yet has no address of its own.
        "post_url": step_url(access, entered, current)
        if entered and not entered.draft._state.adding
        else reverse(ADD_URL, args=[organization_id]),
    }
    return render(request, "credentials/wizard/step.html", context)


def shown_uri(access: Access, entered: Entered) -> str:
    chosen = entered.flow.room
    return shown_redirect_uri(chosen, entered.draft.pk, access.organization.account.number) if chosen else ""


def step_url(access: Access, entered: Entered, step: Step) -> str:
    return reverse(STEP_URL, args=[access.organization.pk, entered.draft.pk, step.slug])


def form_class(current: Step) -> type[forms.Form] | None:
    return BasicsForm if current == FIRST else current.form


def make_form(access: Access, entered: Entered, current: Step, **kwargs: Any) -> forms.Form | None:
    kind = form_class(current)
    if kind is None:
        return None
    if issubclass(kind, RoomForm):
        stored = entered.values(current.slug)
        kwargs |= {"configured": [name for name in kind.secret if stored.get(name)], "stored": stored}
        kwargs["redirect_uri"] = shown_uri(access, entered)
    return kind(**kwargs)


def bound_form(request: HttpRequest, access: Access, entered: Entered, current: Step) -> forms.Form | None:
    return make_form(access, entered, current, data=request.POST, files=request.FILES)


def blank_form(access: Access, entered: Entered, current: Step, *, check: bool) -> forms.Form | None:
    """The form with what was entered before, which is put to the proof at once where `check` says so."""
    stored = entered.values(current.slug)
    if not check:
        return make_form(access, entered, current, initial=stored)
    form = make_form(access, entered, current, data=stored)
    if form is not None and form.is_valid():
        is_free(access, form)
    return form


def replaced_form(entered: Entered, current: Step, refused: forms.Form) -> forms.Form:
    """The refused form again, now knowing which secrets the draft keeps, so that nobody has to type them twice."""
    stored = entered.values(current.slug)
    secret: tuple[str, ...] = getattr(refused, "secret", ())
    if isinstance(refused, RoomForm):
        refused.configured_fields = tuple(name for name in secret if stored.get(name))
    return refused


NAME_TAKEN = "There is already a credential of this name in the organization."


def is_free(access: Access, form: forms.Form) -> bool:
    """Whether the organization can have a credential of this name and the account one of this type."""
    if not isinstance(form, BasicsForm):
        return True
    if name_is_taken(access, form.cleaned_data["name"]):
        form.add_error("name", NAME_TAKEN)
    if said := taken_in_account(access, form.cleaned_data.get("kind", "")):
        form.add_error("kind", said)
    return not form.errors


def keep_raw(entered: Entered, current: Step, form: forms.Form | None) -> None:
    """Store what was typed though it may not be valid."""
    if form is None:
        return
    typed = form.typed() if isinstance(form, RoomForm) else {name: form[name].data for name in form.fields}
    entered.keep(current.slug, typed, valid=False)


def cleaned_values(entered: Entered, current: Step, form: forms.Form | None) -> dict[str, Any]:
    if form is None:
        return {}
    stored = entered.values(current.slug)
    kept = set(getattr(form, "secret", ())) - set(getattr(form, "removed", ()))
    return {
        name: stored.get(name, "") if name in kept and not value else value for name, value in form.cleaned_data.items()
    }
