"""The pages of an organization's domains: list, add, one, edit, delete."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from credentials.models import Credential, Domain
from credentials.services import attach, domains
from credentials.views.addresses import url_of
from credentials.views.attached import Attached, CredentialChoice, attached
from credentials.views.find import find_domain
from credentials.views.presentation import present
from organizations import pages
from organizations.access import Access, in_organization
from organizations.pages import FormPage, accepted, confirm, done, posted, show_form
from organizations.policies import Action

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True)
class Row:
    """One domain in the list."""

    name: str
    detail_url: str
    attached: Attached | None


class DomainForm(forms.Form):
    """The fields of a domain. It parses; `services/domains.py` decides."""

    name = forms.CharField(label="Name", max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    credential = CredentialChoice(
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


@require_safe
@in_organization(Action.SEE_INTEGRATIONS)
def listing(request: HttpRequest, access: Access) -> HttpResponse:
    rows = Domain.objects.filter(organization=access.organization).select_related("credential__token")
    context = {
        "access": access,
        "page": pages.listing(request, rows.order_by("name", "pk"), shown=lambda domain: row(access, domain)),
        "can_manage": access.may(Action.MANAGE_INTEGRATIONS),
        "add_url": url_of("domain-add", access),
    }
    return render(request, "credentials/domains/list.html", context)


def row(access: Access, domain: Domain) -> Row:
    return Row(domain.name, url_of("domain", access, domain.pk), attached(access, domain.credential))


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
    text = "It can no longer be trained. The credential stays."
    page = FormPage(f"Delete “{domain.name}”?", "Delete domain", url_of("domain", access, domain_id), text, danger=True)
    said, after = f"Domain {domain.name} was deleted.", url_of("domains", access)
    return confirm(request, access, page, lambda: domains.delete(access, domain), said, after=after)


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
