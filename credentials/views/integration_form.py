"""The forms of an integration's pages. They parse; `services/integrations.py` decides."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from credentials.models import ApiIntegration, Credential
from credentials.models.integration import Method
from credentials.services import attach, integrations, variables
from credentials.services.integrations import Definition
from credentials.services.variables import Value
from credentials.views.attached import CredentialChoice
from organizations.access import Access
from organizations.models import Bot
from organizations.policies import Action

ONE_A_LINE = {"rows": 3, "spellcheck": "false"}
Pairs = list[tuple[str, str]]


def pairs_of(text: str, separator: str) -> Pairs:
    """Lines such as `Name: value` or `name=value`, in their order. Raises `ValidationError` that names the line."""
    pairs = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, found, value = (part.strip() for part in line.partition(separator))
        if not line.strip():
            continue
        if not found or not name:
            form = "Name: value" if separator == ":" else f"name{separator}value"
            raise forms.ValidationError(f"Line {number} is not of the form {form}.", code="not_a_pair")
        pairs.append((name, value))
    return pairs


def lines_of(pairs: list[list[str]], separator: str) -> str:
    """The opposite of `pairs_of`."""
    return "\n".join(f"{name}{separator}{value}" for name, value in pairs)


class IntegrationForm(forms.Form):
    """The fields and labels of the specification, in its order."""

    name = forms.CharField(
        label="Integration name", max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    bot = forms.ModelChoiceField(Bot.objects.none(), label="Bot", empty_label="Select a bot")
    method = forms.ChoiceField(label="Method", choices=[(method, method) for method in Method.values])
    url = forms.CharField(
        label="URL",
        max_length=integrations.MAX_URL,
        help_text="Variables of the conversation are written {$botContext.NAME}; the host cannot be one.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    credential = CredentialChoice(
        Credential.objects.none(),
        label="Credential",
        required=False,
        empty_label="None",
        help_text="The request is authenticated by it.",
    )
    use_default_headers = forms.BooleanField(
        label="Use default headers",
        required=False,
        initial=True,
        help_text="Accept and Content-Type, both application/json;charset=UTF-8.",
    )
    headers = forms.CharField(
        label="Request headers",
        required=False,
        help_text="One Name: value a line.",
        widget=forms.Textarea(attrs=ONE_A_LINE),
    )
    parameters = forms.CharField(
        label="Request parameters",
        required=False,
        help_text="Sent in the address, one name=value a line. No secrets: addresses end up in logs.",
        widget=forms.Textarea(attrs=ONE_A_LINE),
    )
    body = forms.CharField(
        label="Post body",
        required=False,
        strip=False,
        max_length=integrations.MAX_BODY,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    # The one that the page was made from; a new integration has none.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, data: Any, access: Access, integration: ApiIntegration | None = None) -> None:
        super().__init__(data, initial=entered(integration) if integration else None)
        if integration is None:
            del self.fields["version"]
        self._offer("bot", access.organization.bots.all())
        attached = integration.credential_id if integration else None
        self._offer("credential", attach.offered_to("integrations", access.organization, attached=attached))
        if integration is not None and access.may(Action.MANAGE_CREDENTIALS):
            self._ask_to_confirm(integration)

    def _offer(self, name: str, rows: QuerySet[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = rows

    def _ask_to_confirm(self, integration: ApiIntegration) -> None:
        """Offer to send the credential to the new host: to exactly that one, so the box carries its name."""
        if not self.is_bound or str(integration.credential_id) != self.data.get("credential"):
            return
        try:
            new_origin = integrations.origin(self.data.get("url", "").strip())
        except ValueError:
            return
        if new_origin != integrations.origin(integration.url):
            self.fields["confirmed_origin"] = forms.MultipleChoiceField(
                label="Another host",
                choices=[(new_origin, f"Send this credential to {new_origin}")],
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
            self.order_fields(["name", "bot", "method", "url", "confirmed_origin"])

    def clean_headers(self) -> Pairs:
        return pairs_of(self.cleaned_data["headers"], ":")

    def clean_parameters(self) -> Pairs:
        return pairs_of(self.cleaned_data["parameters"], "=")

    def clean_body(self) -> str:
        # A browser sends CR LF for every line that somebody typed.
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")

    def definition(self) -> Definition:
        said = {name: value for name, value in self.cleaned_data.items() if name not in {"confirmed_origin", "version"}}
        return Definition(**said)

    @property
    def confirmed_origin(self) -> str:
        return "".join(self.cleaned_data.get("confirmed_origin", []))


def entered(integration: ApiIntegration) -> dict[str, Any]:
    """What the edit page begins with."""
    return {
        "version": integration.version,
        "name": integration.name,
        "bot": integration.bot_id,
        "method": integration.method,
        "url": integration.url,
        "credential": integration.credential_id,
        "use_default_headers": integration.use_default_headers,
        "headers": lines_of(integration.headers, ": "),
        "parameters": lines_of(integration.parameters, "="),
        "body": integration.body,
    }


class VariablesForm(forms.Form):
    """Values for a test request."""

    variables = forms.CharField(
        label="Variables",
        required=False,
        help_text="A value for each variable of the conversation, one name=value a line.",
        widget=forms.Textarea(attrs=ONE_A_LINE),
    )

    def __init__(self, data: Any, integration: ApiIntegration) -> None:
        names = sorted(
            variables.names_in(
                integration.url,
                integration.body,
                *(value for _, value in [*integration.headers, *integration.parameters]),
            )
        )
        super().__init__(data, initial={"variables": "\n".join(f"{name}=" for name in names)})
        if not names:
            del self.fields["variables"]

    def clean_variables(self) -> dict[str, Value]:
        return dict(pairs_of(self.cleaned_data["variables"], "="))

    def values(self) -> dict[str, Value]:
        return dict(self.cleaned_data.get("variables", {}))
