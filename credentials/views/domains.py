"""The pages of an organization's domains: list, add, one, edit, delete."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from credentials.models import Credential, Domain
from credentials.services import attach, domains
from credentials.services.describe import type_of
from credentials.views.presentation import Shown, present, status_of
from organizations import pages
from organizations.access import Access, in_organization
from organizations.forms import ConfirmForm
from organizations.pages import FormPage, accepted, done, posted, show_form
from organizations.policies import Action

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True)
class Row:
    """One domain in the list."""

    name: str
    detail_url: str
    credential: str = ""
    credential_type: str = ""
    credential_url: str = ""
    status: Shown | None = None


class NluChoice(forms.ModelChoiceField):
    """A credential by its name, with its provider and how it stands."""

    def label_from_instance(self, obj: Credential) -> str:
        return f"{obj.name} ({type_of(obj)}: {status_of(obj).status})"


class DomainForm(forms.Form):
    """The fields of a domain. It parses; `services/domains.py` decides."""

    name = forms.CharField(label="Name", max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    credential = NluChoice(
        Credential.objects.none(),
        label="Credential",
        required=False,
        empty_label="None",
        help_text="A third-party NLU credential: the engine that the domain is trained on is asked with it.",
    )

    # The one that the page was made from; a new domain has none.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, data: Any, access: Access, domain: Domain | None = None) -> None:
        super().__init__(data, initial=forms.model_to_dict(domain, self.base_fields) if domain else None)
        if domain is None:
            del self.fields["version"]
        field = self.fields["credential"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        attached = domain.credential_id if domain else None
        field.queryset = attach.offered_to("domains", access.organization, attached=attached)

    def said(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"], "credential": self.cleaned_data["credential"]}


def url_of(name: str, access: Access, *more: UUID) -> str:
    return reverse(f"credentials:{name}", args=[access.organization.pk, *more])


def find_domain(access: Access, domain_id: UUID) -> Domain:
    """From an id in a path to a domain of the person's organization, or 404."""
    domain = (
        Domain.objects.select_related("organization", "credential__organization", "credential__token")
        .filter(pk=domain_id, organization=access.organization)
        .first()
    )
    if domain is None:
        raise Http404("There is no such domain in this organization.")
    return domain


@require_safe
@in_organization(Action.SEE_INTEGRATIONS)
def listing(request: HttpRequest, access: Access) -> HttpResponse:
    rows = Domain.objects.filter(organization=access.organization).select_related("credential__token")
    page = pages.listing(request, rows.order_by("name", "pk"))
    context = {
        "access": access,
        "page": pages.Listing([row(access, each) for each in page.rows], page.total, page.next_url, page.previous_url),
        "can_manage": access.may(Action.MANAGE_INTEGRATIONS),
        "add_url": url_of("domain-add", access),
    }
    return render(request, "credentials/domains/list.html", context)


def row(access: Access, domain: Domain) -> Row:
    credential = domain.credential
    return Row(
        name=domain.name,
        detail_url=url_of("domain", access, domain.pk),
        credential=credential.name if credential else "",
        credential_type=type_of(credential) if credential else "",
        credential_url=url_of("detail", access, credential.pk) if credential else "",
        status=status_of(credential) if credential else None,
    )


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    form = DomainForm(posted(request), access)
    made: list[Domain] = []
    if accepted(form, lambda: made.append(domains.create(access, access.organization, **form.said()))):
        return done(request, f"Domain {made[0].name} was added.", url_of("domain", access, made[0].pk))
    return show_form(request, access, form, FormPage("Add a domain", "Add domain", url_of("domains", access)))


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def edit(request: HttpRequest, access: Access, domain_id: UUID) -> HttpResponse:
    domain = find_domain(access, domain_id)
    form = DomainForm(posted(request), access, domain)
    back = url_of("domain", access, domain.pk)
    if accepted(form, lambda: domains.edit(access, domain, version=form.cleaned_data["version"], **form.said())):
        return done(request, f"Domain {form.cleaned_data['name']} was saved.", back)
    return show_form(request, access, form, FormPage(f"Edit {domain.name}", "Save", back))


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def delete(request: HttpRequest, access: Access, domain_id: UUID) -> HttpResponse:
    """Delete it, after a question."""
    domain = find_domain(access, domain_id)
    name = domain.name
    text = "It can no longer be trained. The credential stays."
    page = FormPage(f"Delete {name}?", "Delete domain", url_of("domain", access, domain_id), text, True)
    form = ConfirmForm(posted(request))
    if accepted(form, lambda: domains.delete(access, domain)):
        return done(request, f"Domain {name} was deleted.", url_of("domains", access))
    return show_form(request, access, form, page)


@require_safe
@in_organization(Action.SEE_INTEGRATIONS)
def detail(request: HttpRequest, access: Access, domain_id: UUID) -> HttpResponse:
    domain = find_domain(access, domain_id)
    context = {
        "access": access,
        "domain": domain,
        "credential": present(access, domain.credential) if domain.credential else None,
        "can_manage": access.may(Action.MANAGE_INTEGRATIONS),
        "list_url": url_of("domains", access),
        "edit_url": url_of("domain-edit", access, domain.pk),
        "delete_url": url_of("domain-delete", access, domain.pk),
    }
    return render(request, "credentials/domains/detail.html", context)
