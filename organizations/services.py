"""What can be done with organizations, their members, bots and service tokens: one function per use case.

Each checks, changes and writes its audit entry in one transaction. `by` is a person inside the organization
(`Access`, whose role is checked here) or an `Actor`: a command, or staff in the Django admin. Data that cannot be
accepted raises Django's `ValidationError` with the message at its field.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError

from organizations import audit
from organizations.access import Access, authorize
from organizations.audit import Actor
from organizations.issuing import (
    DEFAULT_TOKEN_LIFETIME,
    MAX_TOKEN_LIFETIME,
    AlreadyCreated,
    authenticate_service_token,
    create_service_token,
    revoke_service_token,
)
from organizations.models import Account, Bot, Membership, Organization, Role
from organizations.names import valid_name
from organizations.policies import Action

By = Access | Actor

__all__ = [
    "DEFAULT_TOKEN_LIFETIME",
    "MAX_TOKEN_LIFETIME",
    "AlreadyCreated",
    "add_member",
    "authenticate_service_token",
    "change_role",
    "create_account",
    "create_bot",
    "create_organization",
    "create_service_token",
    "remove_bot",
    "remove_member",
    "rename_account",
    "rename_bot",
    "rename_organization",
    "revoke_service_token",
]


def _save(instance: models.Model, taken: dict[str, str]) -> None:
    """Validate the fields and save; the database's uniqueness becomes the message `taken` (field: sentence)."""
    instance.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            instance.save()
    except IntegrityError:
        raise ValidationError(taken) from None


# Accounts and organizations: opened by staff or a command, never by a member.


@transaction.atomic
def create_account(by: Actor, number: str, name: str) -> Account:
    """Open an account. Its number is digits and unique."""
    account = Account(number=number.strip(), name=valid_name(name))
    _save(account, {"number": "There is an account with this number already."})
    _tell_of_account(by, "account.created", account)
    return account


@transaction.atomic
def rename_account(by: Actor, account: Account, name: str) -> None:
    """Rename an account; its number never changes, because it is part of addresses registered elsewhere."""
    account.name = valid_name(name)
    _save(account, {"name": "This name cannot be used."})
    _tell_of_account(by, "account.renamed", account)


def _tell_of_account(by: Actor, action: str, account: Account) -> None:
    audit.record(
        None,
        by,
        action,
        object_type="account",
        object_id=account.number,
        object_label=account.name,
    )


@transaction.atomic
def create_organization(by: Actor, account: Account, name: str, *, administrator: User | None = None) -> Organization:
    """Create an organization, and make somebody its first administrator where one is named."""
    organization = Organization(account=account, name=valid_name(name))
    _save(organization, {"name": "This account has an organization with this name already."})
    if administrator is not None:
        Membership.objects.create(user=administrator, organization=organization, role=Role.ADMINISTRATOR)
    entries = [_about(by, "organization.created", "organization", organization.pk, organization.name)]
    if administrator is not None:
        entries.append(_about_member(by, "member.added", administrator, {"role": str(Role.ADMINISTRATOR)}))
    audit.record_many(organization, entries)
    return organization


@transaction.atomic
def rename_organization(by: Actor, organization: Organization, name: str) -> None:
    """Rename an organization."""
    organization.name = valid_name(name)
    _save(organization, {"name": "This account has an organization with this name already."})
    audit.record_many(
        organization, [_about(by, "organization.renamed", "organization", organization.pk, organization.name)]
    )


# Members


@transaction.atomic
def add_member(by: By, organization: Organization, username: str, role: Role) -> Membership:
    """Make a person who can sign in already a member of the organization."""
    actor = authorize(by, organization, Action.MANAGE_MEMBERS)
    user = get_user_model().objects.filter(username=username.strip().replace("\x00", ""), is_active=True).first()
    if user is None:
        raise ValidationError({"username": "There is nobody with this user name."})
    membership = Membership(user=user, organization=organization, role=role)
    _save(membership, {"username": "This person is a member already."})
    audit.record_many(organization, [_about_member(actor, "member.added", user, {"role": str(role)})])
    return membership


@transaction.atomic
def change_role(by: By, membership: Membership, role: Role) -> Membership:
    """Give a member another role. The last administrator keeps theirs."""
    actor = authorize(by, membership.organization, Action.MANAGE_MEMBERS)
    membership = _locked_member(membership)
    before = membership.role
    if before == role:
        return membership
    if before == Role.ADMINISTRATOR:
        _require_another_administrator(membership, "role")
    membership.role = role
    membership.full_clean(validate_unique=False, validate_constraints=False)
    membership.save(update_fields=["role"])
    details = {"role": str(role), "before": before}
    audit.record_many(membership.organization, [_about_member(actor, "member.role_changed", membership.user, details)])
    return membership


@transaction.atomic
def remove_member(by: By, membership: Membership) -> None:
    """Take a person out of the organization, from their next request on. The last administrator stays."""
    actor = authorize(by, membership.organization, Action.MANAGE_MEMBERS)
    membership = _locked_member(membership)
    if membership.role == Role.ADMINISTRATOR:
        _require_another_administrator(membership, "__all__")
    organization, user, role = membership.organization, membership.user, membership.role
    membership.delete()
    audit.record_many(organization, [_about_member(actor, "member.removed", user, {"role": role})])


def _locked_member(membership: Membership) -> Membership:
    """The membership as it is now, with the organization locked: two administrators cannot remove each other."""
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    return Membership.objects.select_related("user", "organization__account").get(pk=membership.pk)


def _require_another_administrator(membership: Membership, field: str) -> None:
    others = Membership.objects.filter(
        organization_id=membership.organization_id, role=Role.ADMINISTRATOR, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise ValidationError(
            {field: "An organization needs an administrator. Make somebody else an administrator first."}
        )


# Bots

_BOT_TAKEN = {"name": "This organization has a bot with this name already."}
_BOT_IN_USE = "This bot still has integrations. Remove them first."


@transaction.atomic
def create_bot(by: By, organization: Organization, name: str) -> Bot:
    """Add a bot; its name is unique in the organization."""
    actor = authorize(by, organization, Action.MANAGE_BOTS)
    bot = Bot(organization=organization, name=valid_name(name))
    _save(bot, _BOT_TAKEN)
    audit.record_many(organization, [_about(actor, "bot.created", "bot", bot.pk, bot.name)])
    return bot


@transaction.atomic
def rename_bot(by: By, bot: Bot, name: str) -> None:
    """Rename a bot."""
    actor = authorize(by, bot.organization, Action.MANAGE_BOTS)
    before, bot.name = bot.name, valid_name(name)
    _save(bot, _BOT_TAKEN)
    entry = _about(actor, "bot.renamed", "bot", bot.pk, bot.name, {"before": before})
    audit.record_many(bot.organization, [entry])


@transaction.atomic
def remove_bot(by: By, bot: Bot) -> None:
    """Remove a bot that has no integration left."""
    actor = authorize(by, bot.organization, Action.MANAGE_BOTS)
    bot_id = bot.pk
    # Asked explicitly: what would be deleted along with the bot is no less a reason to refuse.
    for use in Bot._meta.related_objects:
        if use.related_model._base_manager.filter(**{use.field.name: bot}).exists():
            raise ValidationError(_BOT_IN_USE)
    try:
        bot.delete()
    except ProtectedError:
        raise ValidationError(_BOT_IN_USE) from None
    audit.record_many(bot.organization, [_about(actor, "bot.removed", "bot", bot_id, bot.name)])


def _about(
    actor: Actor, action: str, object_type: str, object_id: object, label: str, details: dict[str, Any] | None = None
) -> audit.NewEntry:
    return audit.NewEntry(actor, action, object_type, str(object_id), label, details=details or {})


def _about_member(actor: Actor, action: str, user: User, details: dict[str, Any]) -> audit.NewEntry:
    return _about(actor, action, "user", user.pk, user.get_username(), details)
