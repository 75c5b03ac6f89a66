"""The pages of an organization: bots, members, service tokens, activity. Each parses, calls a service, and answers."""

import uuid
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from organizations import audit, services
from organizations.access import Access, in_organization, organizations_of
from organizations.forms import ActivityFilter, BotForm, ConfirmForm, MemberForm, RoleForm
from organizations.models import Bot, Membership, ServiceToken
from organizations.pages import PAGE_SIZE, FormPage, accepted, done, listing, posted, show_form
from organizations.policies import Action

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


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


def _url(name: str, access: Access) -> str:
    return reverse(f"organizations:{name}", kwargs={"organization_id": access.organization.pk})


@require_safe
@in_organization(Action.SEE_BOTS)
def bots(request: HttpRequest, access: Access) -> HttpResponse:
    """The bots of the organization, by name."""
    page = listing(request, access.organization.bots.all())
    context = {"access": access, "page": page, "can_manage": access.may(Action.MANAGE_BOTS)}
    return render(request, "organizations/bots.html", context)


@get_or_post
@in_organization(Action.MANAGE_BOTS)
def bot_add(request: HttpRequest, access: Access) -> HttpResponse:
    """Add a bot."""
    form = BotForm(posted(request))
    back = _url("bots", access)
    if accepted(form, lambda: services.create_bot(access, access.organization, form.cleaned_data["name"])):
        return done(request, f"Bot {form.cleaned_data['name']} was added.", back)
    return show_form(request, access, form, FormPage("Add a bot", "Add bot", back))


@get_or_post
@in_organization(Action.MANAGE_BOTS)
def bot_edit(request: HttpRequest, access: Access, bot_id: uuid.UUID) -> HttpResponse:
    """Rename a bot."""
    bot = get_object_or_404(Bot, pk=bot_id, organization=access.organization)
    page = FormPage(f"Rename {bot.name}", "Save", _url("bots", access))
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
    page = FormPage(f"Remove {bot.name}?", "Remove bot", _url("bots", access), text, danger=True)
    form = ConfirmForm(posted(request))
    if accepted(form, lambda: services.remove_bot(access, bot)):
        return done(request, f"Bot {bot.name} was removed.", page.back)
    return show_form(request, access, form, page)


@require_safe
@in_organization(Action.SEE_MEMBERS)
def members(request: HttpRequest, access: Access) -> HttpResponse:
    """Who belongs to the organization, with which role."""
    rows = access.organization.memberships.select_related("user").order_by("user__username")
    return render(request, "organizations/members.html", {"access": access, "page": listing(request, rows)})


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def member_add(request: HttpRequest, access: Access) -> HttpResponse:
    """Make somebody who can sign in a member."""
    form = MemberForm(posted(request))
    back = _url("members", access)

    def add() -> Membership:
        return services.add_member(access, access.organization, form.cleaned_data["username"], form.cleaned_role())

    if accepted(form, add):
        return done(request, f"{form.cleaned_data['username']} is a member now.", back)
    return show_form(request, access, form, FormPage("Add a member", "Add member", back))


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def member_role(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Give a member another role."""
    member = _member(access, member_id)
    page = FormPage(f"Role of {member.user.get_username()}", "Save", _url("members", access))
    form = RoleForm(posted(request), initial={"role": member.role})
    if accepted(form, lambda: services.change_role(access, member, form.cleaned_role())):
        message = f"The role of {member.user.get_username()} is {form.cleaned_role().label} now."
        return done(request, message, _after_member_change(access, member, page.back))
    return show_form(request, access, form, page)


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def member_remove(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Take a member out, after a question."""
    member = _member(access, member_id)
    name = member.user.get_username()
    text = "They lose access at once. What they did stays in the activity."
    page = FormPage(f"Remove {name}?", "Remove member", _url("members", access), text, danger=True)
    form = ConfirmForm(posted(request))
    if accepted(form, lambda: services.remove_member(access, member)):
        return done(request, f"{name} is no member any more.", _after_member_change(access, member, page.back))
    return show_form(request, access, form, page)


def _member(access: Access, member_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=member_id, organization=access.organization)


def _after_member_change(access: Access, member: Membership, back: str) -> str:
    """Somebody who changed their own membership may not see the members any more."""
    return reverse("organizations:list") if member.user_id == access.user.pk else back


@require_safe
@in_organization(Action.MANAGE_SERVICE_TOKENS)
def service_tokens(request: HttpRequest, access: Access) -> HttpResponse:
    """The organization's service tokens: name, first characters, what they may do, state. Never a whole one.

    `credentials.views.service_tokens` creates one: it knows the credentials that it can be restricted to.
    """
    rows = access.organization.service_tokens.select_related("created_by")
    return render(request, "organizations/service_tokens.html", {"access": access, "page": listing(request, rows)})


@get_or_post
@in_organization(Action.MANAGE_SERVICE_TOKENS)
def service_token_revoke(request: HttpRequest, access: Access, token_id: uuid.UUID) -> HttpResponse:
    """Revoke a token, after a question."""
    token = get_object_or_404(
        ServiceToken.objects.select_related("organization"), pk=token_id, organization=access.organization
    )
    text = "Whatever uses it is refused from its next call on. This cannot be undone."
    page = FormPage(f"Revoke {token.name}?", "Revoke token", _url("service-tokens", access), text, danger=True)
    form = ConfirmForm(posted(request))
    if accepted(form, lambda: services.revoke_service_token(access, token)):
        return done(request, f"Service token {token.name} is revoked.", page.back)
    return show_form(request, access, form, page)


@require_safe
@in_organization(Action.SEE_ACTIVITY)
def activity(request: HttpRequest, access: Access) -> HttpResponse:
    """Who did what, newest first; the filter and the place are in the address."""
    chosen = ActivityFilter(request.GET.dict(), access.organization)
    entries = audit.newest_before(
        access.organization,
        before=chosen.chosen_before,
        limit=PAGE_SIZE + 1,
        action=chosen.chosen_action,
        actor=chosen.chosen_actor,
    )
    shown = entries[:PAGE_SIZE]
    kept = {name: value for name in ("action", "actor") if (value := chosen.cleaned_data.get(name))}
    context = {
        "access": access,
        "form": chosen,
        "is_filtered": bool(kept),
        "entries": shown,
        "older": urlencode({**kept, "before": shown[-1].position}) if len(entries) > PAGE_SIZE else "",
        "newest": "?" + urlencode(kept) if chosen.chosen_before else "",
    }
    return render(request, "organizations/activity.html", context)
