"""Creating a service token. It stands here because a token may be restricted to credentials."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.services.service_tokens import create, credentials_of
from organizations.access import Access, in_organization
from organizations.forms import ServiceTokenForm
from organizations.issuing import AlreadyCreated
from organizations.models import Organization, ServiceToken
from organizations.pages import FormPage, SeeOther, accepted, posted, show_form
from organizations.policies import Action

CHECKBOXES_AT_MOST = 50
HELP = "Choose none and it works with every credential, those added later included."


class RestrictedTokenForm(ServiceTokenForm):
    """With the credentials that the token is for: checkboxes, or a text where there would be too many."""

    field_order = ["id", "name", "scopes", "credentials", "expires"]

    def __init__(self, data: Any, organization: Organization) -> None:
        super().__init__(data)
        names = list(credentials_of(organization).values_list("name", flat=True)[: CHECKBOXES_AT_MOST + 1])
        if len(names) > CHECKBOXES_AT_MOST:
            self.fields["credentials"] = forms.CharField(
                label="Only with these credentials",
                required=False,
                max_length=100_000,
                help_text=f"Their names, one on each line. {HELP}",
                widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            )
        elif names:
            self.fields["credentials"] = forms.MultipleChoiceField(
                label="Only with these credentials",
                required=False,
                choices=[(name, format_html("<bdi>{}</bdi>", name)) for name in names],
                help_text=HELP,
                widget=forms.CheckboxSelectMultiple,
            )
        self.order_fields(self.field_order)

    def names(self) -> list[str]:
        given = self.cleaned_data.get("credentials") or []
        return given.splitlines() if isinstance(given, str) else list(given)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_organization(Action.MANAGE_SERVICE_TOKENS)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    """Create a token. The answer to the POST itself holds the token, and nothing else ever does."""
    form = RestrictedTokenForm(posted(request), access.organization)
    back = reverse("organizations:service-tokens", args=[access.organization.pk])
    created: list[tuple[ServiceToken, str]] = []

    def use_case() -> None:
        said = form.cleaned_data
        created.append(
            create(
                access,
                access.organization,
                said["name"],
                form.expires_at(),
                scopes=form.cleaned_scopes(),
                names=form.names(),
                token_id=said["id"],
            )
        )

    try:
        valid = accepted(form, use_case)
    except AlreadyCreated:
        messages.warning(request, "That token was created already, and its value was shown then. Nothing new was made.")
        return SeeOther(back)
    if not valid:
        return show_form(request, access, form, FormPage("Create a service token", "Create token", back))
    token, plaintext = created[0]
    context = {"access": access, "token": token, "plaintext": plaintext, "back": back}
    return render(request, "organizations/service_token_created.html", context)
