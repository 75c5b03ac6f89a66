"""The pages of an organization's members: who they are, adding, inviting, changing and removing them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from organizations import invitations, services
from organizations.access import Access, in_organization
from organizations.forms import ConfirmForm, InviteForm, MemberForm, RoleForm
from organizations.invitations import Invited
from organizations.models import Membership
from organizations.pages import (
    FormPage,
    accepted,
    address,
    confirm,
    done,
    get_or_post,
    go_to,
    listing,
    posted,
    show_form,
)
from organizations.policies import Action


@require_safe
@in_organization(Action.SEE_MEMBERS)
def members(request: HttpRequest, access: Access) -> HttpResponse:
    """Who belongs to the organization, with which role."""
    rows = access.organization.memberships.select_related("user__invitation").order_by("user__username")
    context = {
        "access": access,
        "page": listing(request, rows),
        "add_url": address("member-add", access),
        "invite_url": address("member-invite", access),
    }
    return render(request, "organizations/members.html", context)


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def member_add(request: HttpRequest, access: Access) -> HttpResponse:
    """Make somebody who can sign in a member."""
    form = MemberForm(posted(request))
    back = address("members", access)

    def add() -> Membership:
        return services.add_member(access, access.organization, form.cleaned_data["username"], form.cleaned_role())

    if accepted(form, add):
        return done(request, f"{form.cleaned_data['username']} is a member now.", back)
    return show_form(request, access, form, FormPage("Add a member", "Add member", back))


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def invite(request: HttpRequest, access: Access) -> HttpResponse:
    """Make somebody a member who cannot sign in yet; they get a link by mail."""
    form = InviteForm(posted(request))
    back = address("members", access)
    invited: list[Invited] = []

    def send() -> None:
        email, role = form.cleaned_data["email"], form.cleaned_role()
        invited.append(invitations.invite(access, access.organization, email, role))

    if not accepted(form, send):
        return show_form(request, access, form, FormPage("Invite by e-mail", "Send invitation", back))
    name, mailed = invited[0].membership.user.get_username(), invited[0].mailed
    if mailed is None:
        return done(request, f"{name} can sign in already and is a member now.", back)
    return after_mail(request, mailed, f"{name} is invited.", back)


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def invite_again(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Mail a new link to somebody who has not used theirs."""
    member = _member(access, member_id)
    text = "They get a new link by e-mail; the one before does not work any more."
    name = member.user.get_username()
    page = FormPage(f"Invite {name} again?", "Resend invitation", address("members", access), text)
    form = ConfirmForm(posted(request))
    mailed: list[bool] = []
    if accepted(form, lambda: mailed.append(invitations.resend(access, member))):
        return after_mail(request, mailed[0], f"{name} is invited again.", page.back)
    return show_form(request, access, form, page)


def after_mail(request: HttpRequest, mailed: bool, message: str, back: str) -> HttpResponse:
    if mailed:
        return done(request, message, back)
    messages.warning(request, "The invitation could not be mailed. Resend it in a while, or ask the operator.")
    return go_to(request, back)


@get_or_post
@in_organization(Action.MANAGE_MEMBERS)
def member_role(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Give a member another role."""
    member = _member(access, member_id)
    page = FormPage(f"Role of {member.user.get_username()}", "Save", address("members", access))
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
    page = FormPage(f"Remove “{name}”?", "Remove member", address("members", access), text, danger=True)
    said, after = f"{name} is no member any more.", _after_member_change(access, member, page.back)
    return confirm(request, access, page, lambda: services.remove_member(access, member), said, after=after)


def _member(access: Access, member_id: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user__invitation"), pk=member_id, organization=access.organization
    )


def _after_member_change(access: Access, member: Membership, back: str) -> str:
    """Somebody who changed their own membership may not see the members any more."""
    return reverse("organizations:list") if member.user_id == access.user.pk else back
