"""The page of an account's consumer identity provider."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.services import identity_provider as service
from credentials.services.addresses import account_callback
from credentials.services.edit import EditedMeanwhile, SecretsNeeded
from credentials.views.identity_provider_form import IdentityProviderForm
from organizations.access import Access, Refused, enter_account
from organizations.pages import done
from organizations.policies import Action

FILLED_IN = "Filled in from the issuer's metadata. Look it over, then save."


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def identity_provider(request: HttpRequest, number: str) -> HttpResponseBase:
    """For administrators of any organization of the account."""
    try:
        access = enter_account(
            request.user, number, Action.MANAGE_ACCOUNT, preferred=request.GET.get("organization", "")
        )
    except Refused as refusal:
        refusal.keep()
        raise
    stored = service.find(access.organization.account)
    configured = IdentityProviderForm.secret if stored and stored.secrets else ()
    if request.method == "POST" and "discover" in request.POST:
        form, notice = discovered(request, configured)
        return show(request, access, form, notice)
    if request.method == "POST":
        form = IdentityProviderForm(request.POST, configured=configured)
        if form.is_valid() and save(access, form):
            return done(request, "The identity provider was saved.", request.get_full_path())
        return show(request, access, form)
    initial: dict[str, Any] = {name: getattr(stored, name) for name in service.FIELDS} if stored else {}
    initial["version"] = stored.version if stored else 0
    return show(request, access, IdentityProviderForm(initial=initial, configured=configured))


def discovered(request: HttpRequest, configured: tuple[str, ...]) -> tuple[forms.Form, str]:
    """The form as it was typed, with what the issuer says of itself. Nothing is saved yet."""
    values: dict[str, Any] = {name: request.POST.get(name, "") for name in IdentityProviderForm.base_fields}
    # A secret is not written back into a page. What was typed there is typed again.
    values["client_secret"] = ""
    only_issuer = IdentityProviderForm(values, configured=configured)
    only_issuer.full_clean()
    if "issuer" in only_issuer.errors:
        only_issuer.keep_errors_of("issuer")
        return only_issuer, ""
    metadata = service.discover(only_issuer.cleaned_data["issuer"])
    if metadata is None:
        only_issuer.keep_errors_of("issuer")
        only_issuer.add_error(
            "issuer",
            "No metadata that names this issuer was found there. Check the address, also its last slash, or fill in "
            "the endpoints by hand.",
        )
        return only_issuer, ""
    values |= {
        "authorization_endpoint": metadata.authorization_endpoint or values["authorization_endpoint"],
        "token_endpoint": metadata.token_endpoint or values["token_endpoint"],
        "use_pkce": metadata.pkce_supported,
    }
    if metadata.jwks_uri:
        values |= {"verification": "jwks", "jwks_url": metadata.jwks_uri}
    return IdentityProviderForm(initial=values, configured=configured), FILLED_IN


def save(access: Access, form: IdentityProviderForm) -> bool:
    entered = dict(form.cleaned_data)
    try:
        service.save(access, version=entered.pop("version"), entered=entered)
    except SecretsNeeded:
        form.add_error(
            "client_secret", "Enter it again: the address has changed, and it is not sent to a new host unasked."
        )
    except EditedMeanwhile:
        form.add_error(None, "Somebody else has saved this page meanwhile. Open the page again and repeat your change.")
    else:
        return True
    return False


def show(request: HttpRequest, access: Access, form: forms.Form, notice: str = "") -> HttpResponseBase:
    account = access.organization.account
    service.tell_view(access)
    context = {
        "access": access,
        "account": account,
        "form": form,
        "notice": notice,
        "redirect_uri": account_callback(account.number),
        "redirect_uri_is_shared": True,
        "cancel_url": reverse("credentials:list", args=[access.organization.pk]),
    }
    return render(request, "credentials/identity_provider.html", context, status=422 if form.errors else 200)
