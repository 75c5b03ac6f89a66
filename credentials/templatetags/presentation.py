"""How things look in a page: icons, status badges, times, hidden secrets, and the parts of a form.

Nothing here asks the database or decides anything; a view hands over words and these tags dress them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django import forms, template
from django.contrib.messages.storage.base import Message
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

register = template.Library()

# As the audit log has moments in its details: ISO 8601 in UTC.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")

TONE_ICONS: Mapping[str, str] = {
    "ok": "check-circle-fill",
    "warn": "exclamation-triangle-fill",
    "bad": "x-circle-fill",
    "busy": "arrow-repeat",
    "idle": "dash-circle",
    "info": "info-circle",
}

MESSAGE_TONES: Mapping[str, str] = {
    "debug": "info",
    "info": "info",
    "success": "ok",
    "warning": "warn",
    "error": "bad",
}


# The marks of the bidirectional algorithm (UAX #9 §2), each of which turns what follows it.
TURNING_MARKS = dict.fromkeys(map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))


@register.filter
def straight(text: object) -> str:
    """A sentence without marks of direction: one in a name would turn the rest of it around."""
    return str(text).translate(TURNING_MARKS)


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the sprite. It says nothing to a screen reader: words stand beside it."""
    address = static("vendor/bootstrap-icons/icons.svg")
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        address,
        name,
    )


@register.simple_tag
def tone_icon(tone: str) -> SafeString:
    """The icon of a tone; an unknown tone is shown as information."""
    return icon(TONE_ICONS.get(tone, TONE_ICONS["info"]))


@register.simple_tag
def status_badge(status: str, tone: str, icon_name: str = "") -> SafeString:
    """A status as an icon and a word, so that it can be read without colour."""
    picture = icon(icon_name) if icon_name else tone_icon(tone)
    return format_html('<span class="status status-{}">{}{}</span>', tone, picture, status)


@register.simple_tag
def column(label: str, *, hidden: bool = False) -> SafeString:
    """The head of a column of a table; `hidden` for one whose cells speak for themselves."""
    words = format_html('<span class="visually-hidden">{}</span>', label) if hidden else label
    return format_html('<th role="columnheader" scope="col">{}</th>', words)


@register.simple_tag
def relative_time(value: datetime | None, absent: str = "") -> SafeString | str:
    """How long ago (or how soon) in the largest whole unit, with the exact time in UTC on hover.

    `absent` is what to say when there is no time, such as "never".
    """
    if value is None:
        return absent
    exact = timezone.localtime(value, timezone.get_default_timezone())
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        exact.strftime("%Y-%m-%d %H:%M:%S %Z"),
        _distance(value, timezone.now()),
    )


def _distance(value: datetime, now: datetime) -> str:
    seconds = (value - now).total_seconds()
    amount = _in_largest_unit(abs(seconds))
    if amount is None:
        return gettext("just now") if seconds <= 0 else gettext("in a moment")
    if seconds <= 0:
        return gettext("%(amount)s ago") % {"amount": amount}
    return gettext("in %(amount)s") % {"amount": amount}


def _in_largest_unit(seconds: float) -> str | None:
    """Seconds as "3 minutes"; None for less than ten of them, which nobody wants counted."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 10:
        return None
    if minutes == 0:
        return ngettext("%(n)d second", "%(n)d seconds", int(seconds)) % {"n": int(seconds)}
    if hours == 0:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    if days == 0:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    if days < 60:
        return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    if days < 730:
        return ngettext("%(n)d month", "%(n)d months", days // 30) % {"n": days // 30}
    return ngettext("%(n)d year", "%(n)d years", days // 365) % {"n": days // 365}


@register.simple_tag
def masked() -> SafeString:
    """What stands in the place of a stored secret. Always the same dots: their number says nothing."""
    return format_html(
        '<span class="masked"><span class="masked-dots" aria-hidden="true">••••••••</span> {}</span>',
        gettext("configured"),
    )


@register.filter
def in_words(value: object) -> str:
    """A value of an audit entry's details as a person reads it; "" for what says nothing."""
    match value:
        case None:
            return ""
        case bool():
            return gettext("yes") if value else gettext("no")
        case list():
            return ", ".join(in_words(each) for each in value)
        case dict():
            return ", ".join(f"{name}: {in_words(each)}" for name, each in value.items())
        case str() if _MOMENT.fullmatch(value):
            return f"{value[:10]} {value[11:16]} UTC"
    return str(value)


@register.filter
def name_in_words(name: str) -> str:
    """The name of one of an entry's details: `expires_at` is read as "expires at"."""
    return name.replace("_", " ")


@register.filter
def message_tone(message: Message) -> str:
    """The tone of a message of django.contrib.messages."""
    return MESSAGE_TONES.get(message.level_tag, "info")


@dataclass(frozen=True)
class ShownField:
    """A field of a form and whether a secret is stored for it, so that only a replacement is asked for."""

    bound: BoundField
    configured: bool


@dataclass(frozen=True)
class FormParts:
    """The visible fields of a form in their order, those behind *Advanced* apart."""

    main: list[ShownField]
    advanced: list[ShownField]

    @property
    def advanced_open(self) -> bool:
        """Whether an error stands behind *Advanced*; it must not stay hidden there."""
        return any(field.bound.errors for field in self.advanced)


@register.simple_tag
def form_parts(form: forms.BaseForm) -> FormParts:
    """Splits a form by its optional attributes `advanced_fields` and `configured_fields` (names of fields)."""
    apart = frozenset(getattr(form, "advanced_fields", ()))
    stored = frozenset(getattr(form, "configured_fields", ()))
    main: list[ShownField] = []
    advanced: list[ShownField] = []
    for bound in form.visible_fields():
        (advanced if bound.name in apart else main).append(ShownField(bound, bound.name in stored))
    return FormParts(main, advanced)
