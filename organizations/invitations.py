"""Inviting somebody by e-mail: they become a member at once, and a link that works once lets them set their password.

The link is Django's password reset token with a salt of its own. It ends with its use, after `PASSWORD_RESET_TIMEOUT`,
and when the invitation is sent again. It is only ever in the mail: whoever invites does not see it, because the person
may belong to other organizations too.
"""

import logging
import smtplib
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from organizations import audit, services
from organizations.access import authorize
from organizations.audit import Actor
from organizations.models import Invitation, Membership, Organization, Role
from organizations.policies import Action
from organizations.services import By

APART = timedelta(minutes=1)  # between two mails to one person

logger = logging.getLogger(__name__)


class InvitationTokens(PasswordResetTokenGenerator):
    """Tokens that end when the invitation is sent again or accepted."""

    key_salt = "organizations.invitations"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        invitation = Invitation.objects.get(user=user)
        return f"{super()._make_hash_value(user, timestamp)}{invitation.sent_at.isoformat()}{invitation.accepted_at}"


tokens = InvitationTokens()


@dataclass(frozen=True)
class Invited:
    """What came of an invitation. `mailed` is None where there was nothing to mail: they can sign in already."""

    membership: Membership
    mailed: bool | None


def invite(by: By, organization: Organization, email: str, role: Role) -> Invited:
    """Make somebody a member, and mail them how to get in where they cannot sign in yet."""
    with transaction.atomic():
        actor = authorize(by, organization, Action.MANAGE_MEMBERS)
        address = valid_address(email)
        user = known(address)
        membership = add(by, organization, user, role) if user else welcome(actor, organization, address, role)
    pending = pending_of(membership.user)
    return Invited(membership, send(membership) if pending else None)


def resend(by: By, membership: Membership) -> bool:
    """Mail a new link; the one before ends. Whether the mail could be sent."""
    with transaction.atomic():
        actor = authorize(by, membership.organization, Action.MANAGE_MEMBERS)
        invitation = Invitation.objects.select_for_update().filter(user=membership.user, accepted_at=None).first()
        if invitation is None:
            raise ValidationError("This person has set a password already.")
        now = timezone.now()
        if invitation.sent_at > now - APART:
            raise ValidationError("The invitation was sent less than a minute ago.")
        invitation.sent_at = now
        invitation.save(update_fields=["sent_at"])
        tell(actor, "member.invitation_resent", membership)
    return send(membership)


@transaction.atomic
def accept(user: User) -> bool:
    """The person has set a password. False where the invitation was accepted before."""
    if not Invitation.objects.filter(user=user, accepted_at=None).update(accepted_at=timezone.now()):
        return False
    # In one order: whoever holds several chains must not wait for somebody who does too.
    for membership in memberships_of(user).order_by("organization_id"):
        tell(Actor.for_user(user), "member.joined", membership)
    return True


def pending_of(user: User) -> Invitation | None:
    """The invitation of somebody who has not set a password yet."""
    return Invitation.objects.filter(user=user, accepted_at=None).first()


def memberships_of(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user).select_related("user", "organization__account")


def valid_address(email: str) -> str:
    """In small letters: it is the user name, too."""
    address = email.strip().lower()
    try:
        validate_email(address)
        for validate in User._meta.get_field("username").validators:
            validate(address)
    except ValidationError:
        raise ValidationError({"email": "This address cannot be used."}) from None
    return address


def known(address: str) -> User | None:
    """Whoever has this address already. Raises `ValidationError` where that is nobody to add."""
    people = list(User.objects.filter(Q(username__iexact=address) | Q(email__iexact=address))[:2])
    if len(people) > 1:
        raise ValidationError({"email": "Several people have this address. Add the right one by user name."})
    if people and not people[0].is_active:
        raise ValidationError({"email": "This person was disabled. Ask the administrators of Bot Accounts."})
    return people[0] if people else None


def add(by: By, organization: Organization, user: User, role: Role) -> Membership:
    try:
        return services.add_member(by, organization, user.get_username(), role)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from None


def welcome(actor: Actor, organization: Organization, address: str, role: Role) -> Membership:
    """Somebody new, who cannot sign in before they have set a password."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(username=address, email=address)
    except IntegrityError:
        raise ValidationError({"email": "This person is being invited by somebody else. Try again."}) from None
    Invitation.objects.create(user=user)
    membership = Membership.objects.create(user=user, organization=organization, role=role)
    tell(actor, "member.invited", membership)
    return membership


def tell(actor: Actor, action: str, membership: Membership) -> None:
    user = membership.user
    audit.record(
        membership.organization,
        actor,
        action,
        object_type="user",
        object_id=str(user.pk),
        object_label=user.get_username(),
        details={"role": str(membership.role)},
    )


def link_for(user: User) -> str:
    """The address that lets a person in, once."""
    path = reverse(
        "invitation", kwargs={"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": tokens.make_token(user)}
    )
    return f"{settings.PUBLIC_URL}{path}"


def send(membership: Membership) -> bool:
    """Mail the link. False where no mail could be sent: the page says so, and it can be sent again."""
    user = membership.user
    organization = one_line(membership.organization.name)
    context = {
        "organization": organization,
        "role": Role(membership.role).label,
        "link": link_for(user),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        "username": user.get_username(),
    }
    mail = EmailMessage(
        subject=f"You are invited to {organization} on Bot Accounts",
        body=render_to_string("mail/invitation.txt", context),
        to=[user.email],
    )
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("An invitation could not be mailed: %s", type(error).__name__)
        return False
    return True


def one_line(name: str) -> str:
    """A name that neither turns the line around nor ends it."""
    return "".join(character if character.isprintable() else " " for character in name)
