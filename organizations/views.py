"""The pages of an organization: bots and service tokens. Each parses, calls a service, and answers."""

import uuid

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from organizations import services
from organizations.access import Access, in_organization, organizations_of
from organizations.forms import BotForm
from organizations.models import Bot, ServiceToken
from organizations.pages import FormPage, accepted, address, confirm, done, get_or_post, listing, posted, show_form
from organizations.policies import Action


class SignIn(LoginView):
    """Sign-in by user name and password; `next` leads to paths of this site only."""

    redirect_authenticated_user = True

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """A path of ours. Django lets `\\page` and a page of the same host through; we need neither."""
        target = super().get_redirect_url()
        return target if target.startswith("/") else ""


@require_safe
@login_required
def organization_list(request: HttpRequest) -> HttpResponse:
    """The organizations of a person; whoever has exactly one lands in it."""
    organizations = organizations_of(request.user)
    first = list(organizations[:2])
    if len(first) == 1:
        return redirect("credentials:list", organization_id=first[0].pk)
    return render(request, "organizations/list.html", {"page": listing(request, organizations)})


@require_safe
@in_organization(Action.SEE_BOTS)
def bots(request: HttpRequest, access: Access) -> HttpResponse:
    """The bots of the organization, by name."""
    page = listing(request, access.organization.bots.all())
    may = access.may(Action.MANAGE_BOTS)
    context = {"access": access, "page": page, "can_manage": may, "add_url": address("bot-add", access)}
    return render(request, "organizations/bots.html", context)


@get_or_post
@in_organization(Action.MANAGE_BOTS)
def bot_add(request: HttpRequest, access: Access) -> HttpResponse:
    """Add a bot."""
    form = BotForm(posted(request))
    back = address("bots", access)
    if accepted(form, lambda: services.create_bot(access, access.organization, form.cleaned_data["name"])):
        return done(request, f"Bot {form.cleaned_data['name']} was added.", back)
    return show_form(request, access, form, FormPage("Add a bot", "Add bot", back))


@get_or_post
@in_organization(Action.MANAGE_BOTS)
def bot_edit(request: HttpRequest, access: Access, bot_id: uuid.UUID) -> HttpResponse:
    """Rename a bot."""
    bot = get_object_or_404(Bot, pk=bot_id, organization=access.organization)
    page = FormPage(f"Rename {bot.name}", "Save", address("bots", access))
    form = BotForm(posted(request), initial={"name": bot.name})
    if accepted(form, lambda: services.rename_bot(access, bot, form.cleaned_data["name"])):
        return done(request, f"The bot is called {bot.name} now.", page.back)
    return show_form(request, access, form, page)


@get_or_post
@in_organization(Action.MANAGE_BOTS)
def bot_remove(request: HttpRequest, access: Access, bot_id: uuid.UUID) -> HttpResponse:
    """Remove a bot, after a question."""
    bot = get_object_or_404(Bot, pk=bot_id, organization=access.organization)
    text = "A bot that still has integrations cannot be removed."
    page = FormPage(f"Remove “{bot.name}”?", "Remove bot", address("bots", access), text, danger=True)
    return confirm(request, access, page, lambda: services.remove_bot(access, bot), f"Bot {bot.name} was removed.")


@require_safe
@in_organization(Action.MANAGE_SERVICE_TOKENS)
def service_tokens(request: HttpRequest, access: Access) -> HttpResponse:
    """The organization's service tokens: name, first characters, what they may do, state. Never a whole one.

    `credentials.views.service_tokens` creates one: it knows the credentials that it can be restricted to.
    """
    rows = access.organization.service_tokens.select_related("created_by")
    add_url = reverse("credentials:service-token-add", args=[access.organization.pk])
    context = {"access": access, "page": listing(request, rows), "add_url": add_url}
    return render(request, "organizations/service_tokens.html", context)


@get_or_post
@in_organization(Action.MANAGE_SERVICE_TOKENS)
def service_token_revoke(request: HttpRequest, access: Access, token_id: uuid.UUID) -> HttpResponse:
    """Revoke a token, after a question."""
    token = get_object_or_404(
        ServiceToken.objects.select_related("organization"), pk=token_id, organization=access.organization
    )
    text = "Whatever uses it is refused from its next call on. This cannot be undone."
    page = FormPage(f"Revoke “{token.name}”?", "Revoke token", address("service-tokens", access), text, danger=True)
    said = f"Service token {token.name} is revoked."
    return confirm(request, access, page, lambda: services.revoke_service_token(access, token), said)
