"""Create, edit and delete an API integration: permission, change and audit entry in one transaction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from credentials import outbound
from credentials.models import ApiIntegration, Credential
from credentials.models.integration import Method
from credentials.outbound import Allowance
from credentials.services import attach, variables
from credentials.services.versions import require_version
from organizations import audit
from organizations.access import Access, authorize
from organizations.audit import Actor, NewEntry
from organizations.models import Bot, Organization
from organizations.policies import Action

By = Access | Actor
Pairs = Sequence[tuple[str, str]]

# RFC 9110 §5.6.2
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
# Who is called and where a message ends is for the transport to say, not for an integration.
TRANSPORT_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
MAX_URL = 2000  # characters
MAX_BODY = 100_000  # characters
MAX_PAIRS = 100
MAX_VALUE = 8000  # characters


@dataclass(frozen=True)
class Definition:
    """Everything that a person says of an integration; the organization is the bot's."""

    bot: Bot
    name: str
    method: str
    url: str
    credential: Credential | None = None
    use_default_headers: bool = True
    headers: Pairs = ()
    parameters: Pairs = ()
    body: str = ""


class ConfirmationNeeded(ValidationError):
    """The edit would send the attached credential to a host that it was not attached for; the editor may allow it."""

    def __init__(self, new_origin: str) -> None:
        super().__init__(
            {"url": f"This address is on another host. Confirm below that the credential may be sent to {new_origin}."}
        )
        self.origin = new_origin


def create(by: By, definition: Definition, *, allowance: Allowance | None = None) -> ApiIntegration:
    """A new integration. Raises `ValidationError` with the message at its field.

    `allowance`: exceptions of the address check where they are not the operator's (OUTBOUND_ALLOW).
    """
    organization = definition.bot.organization
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    integration = ApiIntegration(organization=organization, **_fields(definition, organization, allowance))
    with transaction.atomic():
        _save(integration, force_insert=True)
        entries = [_about(actor, "integration.created", integration, method=integration.method)]
        audit.record_many(organization, entries + _moves(actor, integration, None, integration.credential))
    return integration


def edit(
    by: By,
    integration: ApiIntegration,
    definition: Definition,
    *,
    version: int | None = None,
    confirmed_origin: str = "",
    allowance: Allowance | None = None,
) -> ApiIntegration:
    """Save what a person changed. Raises `ValidationError` with the message at its field.

    `version` is the one that the page was made from; somebody else's edit since then is not overwritten. None is for
    whoever has just read the row.
    A stored secret never travels to a new host by an edit. Where scheme, host or port of the URL change and the same
    credential stays attached, the edit is refused, unless the editor manages credentials as well and says, with
    `confirmed_origin`, that the credential may be sent to exactly that place: `ConfirmationNeeded` asks them. Everybody
    else saves it without the credential and selects one anew, which is an act of its own in the audit log, as it is for
    a new integration.
    """
    organization = integration.organization
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    fields = _fields(definition, organization, allowance)
    with transaction.atomic():
        stored = (
            ApiIntegration.objects.select_for_update(of=("self",))
            .select_related("credential", "organization")
            .get(pk=integration.pk, organization=organization)
        )
        require_version(stored, version)
        _require_confirmation(by, stored, definition, confirmed_origin)
        before, was_attached = {name: getattr(stored, name) for name in fields}, stored.credential
        for name, value in fields.items():
            setattr(stored, name, value)
        stored.version += 1
        _save(stored)
        changed = sorted(name for name, value in before.items() if value != getattr(stored, name))
        # The names of what was changed: a value may hold what somebody should not have typed there.
        entries = [_about(actor, "integration.edited", stored, method=stored.method, changed=changed)]
        audit.record_many(organization, entries + _moves(actor, stored, was_attached, stored.credential))
    return stored


def delete(by: By, integration: ApiIntegration) -> None:
    """Remove it; its credential stays."""
    organization = integration.organization
    actor = authorize(by, organization, Action.MANAGE_INTEGRATIONS)
    with transaction.atomic():
        entries = [_about(actor, "integration.deleted", integration)]
        entries += _moves(actor, integration, integration.credential, None)
        integration.delete()
        audit.record_many(organization, entries)


def origin(url: str) -> str:
    """`scheme://host:port` of an integration's URL, written in one way only. Raises `ValueError`."""
    return outbound.origin(variables.check_url_template(url))


def _require_confirmation(by: By, stored: ApiIntegration, definition: Definition, confirmed_origin: str) -> None:
    if definition.credential is None or definition.credential.pk != stored.credential_id:
        return
    new_origin = origin(definition.url)
    if new_origin == origin(stored.url):
        return
    if not (isinstance(by, Access) and by.may(Action.MANAGE_CREDENTIALS)):
        raise ValidationError(
            {
                "url": "This address is on another host, and the credential is not sent to a new host by an edit. "
                "Save it with no credential, or ask an administrator to change the address."
            }
        )
    if confirmed_origin != new_origin:
        raise ConfirmationNeeded(new_origin)


def _fields(definition: Definition, organization: Organization, allowance: Allowance | None) -> dict[str, Any]:
    """The columns, checked."""
    errors: dict[str, str] = {}
    name = definition.name.strip()
    if not name or len(name) > 255 or any(character in name for character in "\x00\r\n"):
        errors["name"] = "Give a name of one line and at most 255 characters."
    if definition.bot.organization_id != organization.pk:
        errors["bot"] = "There is no such bot in this organization."
    if refusal := attach.problem("integrations", definition.credential, organization):
        errors["credential"] = refusal
    if definition.method not in Method.values:
        errors["method"] = "Choose one of the methods."
    url = definition.url.strip()
    for field, problem in (
        ("url", _url_problem(url, allowance)),
        ("headers", _headers_problem(definition.headers)),
        ("parameters", _pairs_problem(definition.parameters)),
        ("body", _text_problem(definition.body, MAX_BODY)),
    ):
        if problem:
            errors[field] = problem
    if errors:
        raise ValidationError(errors)
    return {
        "bot": definition.bot,
        "name": name,
        "method": definition.method,
        "url": url,
        "credential": definition.credential,
        "use_default_headers": definition.use_default_headers,
        "headers": [list(pair) for pair in definition.headers],
        "parameters": [list(pair) for pair in definition.parameters],
        "body": definition.body,
    }


def _url_problem(url: str, allowance: Allowance | None) -> str:
    if len(url) > MAX_URL:
        return f"A URL has at most {MAX_URL} characters."
    try:
        outbound.check_url(variables.check_url_template(url), allowance=allowance)
    except ValueError as refusal:
        return str(refusal)
    return ""


def _headers_problem(headers: Pairs) -> str:
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name):
            return f"{name[:50]!r} is not the name of a header."
        if name.lower() in TRANSPORT_HEADERS or name.lower().startswith("proxy-"):
            return f"The header {name} is set by Bot Accounts."
        if any((ord(character) < 0x20 and character != "\t") or ord(character) == 0x7F for character in value):
            return f"The value of {name} holds a control character."
    return _pairs_problem(headers)


def _pairs_problem(pairs: Pairs) -> str:
    if len(pairs) > MAX_PAIRS:
        return f"At most {MAX_PAIRS} of them."
    for name, value in pairs:
        if not name:
            return "Each has a name."
        if problem := _text_problem(name, MAX_VALUE) or _text_problem(value, MAX_VALUE):
            return problem
    return ""


def _text_problem(text: str, limit: int) -> str:
    if len(text) > limit:
        return f"At most {limit} characters."
    return "It holds a NUL character." if "\x00" in text else ""


def _save(integration: ApiIntegration, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            integration.save(force_insert=force_insert)
    except IntegrityError:
        raise ValidationError({"name": "The bot has an integration of this name already."}) from None


def _moves(
    actor: Actor, integration: ApiIntegration, before: Credential | None, after: Credential | None
) -> list[NewEntry]:
    """Which credential was attached or detached, told of the credential itself: its page says where it is sent."""
    if (before and before.pk) == (after and after.pk):
        return []
    details = {"integration": str(integration.pk), "name": integration.name, "host": origin(integration.url)}
    return [
        NewEntry(actor, action, "credential", str(credential.pk), credential.name, details=details)
        for action, credential in (("credential.detached", before), ("credential.attached", after))
        if credential is not None
    ]


def _about(actor: Actor, action: str, integration: ApiIntegration, **details: Any) -> NewEntry:
    details |= {
        "host": origin(integration.url),
        "bot": integration.bot.name,
        "credential": str(integration.credential_id or ""),
    }
    return NewEntry(actor, action, "integration", str(integration.pk), integration.name, details=details)
