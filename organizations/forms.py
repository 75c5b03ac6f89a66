"""The forms of an organization's pages. They parse; `services.py` decides."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from organizations import policies, scopes
from organizations.activity import Criteria
from organizations.models import NAME_LENGTH, Organization, Role, ServiceToken
from organizations.scopes import Scope

ROLES = [(role.value, f"{role.label}: {policies.SUMMARIES[role]}") for role in Role]


class ConfirmForm(forms.Form):
    """No fields: a button that somebody has to press."""


class BotForm(forms.Form):
    """A bot's name."""

    name = forms.CharField(max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class RoleForm(forms.Form):
    """One of the four roles, each with what it may do."""

    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect, initial=Role.VIEWER)

    def cleaned_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class MemberForm(RoleForm):
    """Somebody who can sign in already, by user name, and a role for them."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        help_text="Of somebody who can sign in to Bot Accounts already.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ["username", "role"]


class InviteForm(RoleForm):
    """Somebody who cannot sign in yet, by e-mail address, and a role for them."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=150,
        help_text="They get a link that lets them set a password, once.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["email", "role"]


class ServiceTokenForm(forms.Form):
    """A name, what it may do, and a lifetime. The hidden id makes the form count once, however often it is sent."""

    LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("730", "2 years")]

    id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    name = forms.CharField(
        max_length=NAME_LENGTH,
        help_text="Where the token is used, so that you know which one to revoke.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope.value, f"{scope.value}: {scopes.HELP[scope]}") for scope in Scope],
        initial=[Scope.CREDENTIALS_READ.value, Scope.TOKENS_READ.value, Scope.INTEGRATIONS_CALL.value],
        error_messages={"required": "Choose at least one thing that the token may do."},
        help_text="Give it no more than its user needs. A token cannot be changed later: create another one instead.",
        widget=forms.CheckboxSelectMultiple,
    )
    expires = forms.ChoiceField(label="Expires in", choices=LIFETIMES, initial="365")

    def cleaned_scopes(self) -> list[Scope]:
        return [Scope(name) for name in self.cleaned_data["scopes"]]

    def expires_at(self) -> datetime:
        return timezone.now() + timedelta(days=int(self.cleaned_data["expires"]))


class ActivityFilter(forms.Form):
    """What of the activity to show, from the address of the page. What is not understood filters nothing."""

    GROUPS = [
        ("", "Everything"),
        ("access", "Refused access"),
        ("activity", "Exports of this log"),
        ("authorization", "Authorizations"),
        ("bot", "Bots"),
        ("consumer", "Consumers"),
        ("challenge", "Consumers' sign-ins"),
        ("credential", "Credentials"),
        ("domain", "Domains"),
        ("identity_provider", "Identity provider"),
        ("integration", "Integrations"),
        ("member", "Members"),
        ("notice", "Notices"),
        ("organization", "The organization"),
        ("provider", "Providers that are down"),
        ("service_token", "Service tokens"),
        ("token", "Tokens"),
        ("webhook", "Webhooks"),
    ]

    FILTERS = ("action", "actor", "since", "until")

    action = forms.ChoiceField(label="What", choices=GROUPS, required=False)
    actor = forms.ChoiceField(label="Who", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)

    def __init__(self, data: dict[str, str], organization: Organization) -> None:
        super().__init__(data)
        self._offer("action", data.get("action", "")[:64], self.GROUPS)
        self._offer("actor", data.get("actor", "")[:100], self._actors(organization))
        self.full_clean()

    def _offer(self, name: str, chosen: str, choices: list[tuple[str, str]]) -> None:
        """The usual choices, and the one in the address: a single action, or somebody who has left."""
        if chosen not in dict(choices) and chosen.isprintable():
            choices = [*choices, (chosen, chosen)]
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    @staticmethod
    def _actors(organization: Organization) -> list[tuple[str, str]]:
        members = User.objects.filter(memberships__organization=organization).order_by("username")
        tokens = ServiceToken.objects.filter(organization=organization).order_by("name")
        return [
            ("", "Everybody"),
            *((f"user:{user.pk}", user.get_username()) for user in members),
            *((f"service_token:{token.pk}", str(token)) for token in tokens),
            ("worker:", "Worker"),
        ]

    @property
    def criteria(self) -> Criteria:
        """What was understood of it; the last day counts whole."""
        kind, _, identity = str(self.cleaned_data.get("actor", "")).partition(":")
        until = self.cleaned_data.get("until")
        return Criteria(
            action=str(self.cleaned_data.get("action", "")),
            actor=(kind, identity) if kind else None,
            since=_beginning(self.cleaned_data.get("since")),
            until=_beginning(until + timedelta(days=1) if until and until < date.max else until),
        )

    @property
    def kept(self) -> dict[str, str]:
        """The filters, as they stand in an address."""
        return {name: str(value) for name in self.FILTERS if (value := self.cleaned_data.get(name))}

    @property
    def chosen_before(self) -> int | None:
        return self.cleaned_data.get("before")


def _beginning(day: date | None) -> datetime | None:
    """The first moment of a day, UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC) if day else None
