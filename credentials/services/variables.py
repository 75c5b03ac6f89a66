"""`{$botContext.NAME}` in an integration's URL, parameters, headers and body. Pure: texts in, texts out.

Each value is encoded for the place it goes to, so that what a consumer typed can change a value and nothing else.
"""

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus, urlsplit

VARIABLE = re.compile(r"\{\$botContext\.([A-Za-z_][A-Za-z0-9_.-]*)\}")
Value = str | int | float | bool | None
STEPS = frozenset({".", ".."})


class MissingVariable(Exception):
    """The call names no value for a variable that the integration uses."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {name} is used by the integration and was not given.")
        self.name = name


class UnsafeValue(Exception):
    """A value that cannot stand where the integration puts it. The message names the place, never the value."""


def names_in(*texts: str) -> set[str]:
    return {name for text in texts for name in VARIABLE.findall(text)}


def is_misspelt(text: str) -> bool:
    """Whether it holds what was meant as a variable and is none, such as `{$botContext.order id}`."""
    return "{$botContext" in VARIABLE.sub("", text)


def as_text(value: Value) -> str:
    """As JSON spells it, except that a string is itself and null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def in_url(template: str, values: Mapping[str, Value]) -> str:
    """A URL. A value becomes part of one path segment or of one query value; the host cannot hold a variable.

    Raises `UnsafeValue` where a value would make a segment of the path empty or a step (`.`, `..`): that is another
    resource than the one that was meant, and "all orders" instead of one.
    """
    path, question_mark, query = template.partition("?")
    filled = _fill(path, values, _quoted)
    # No value brings a slash along, so that the segments stand where they stood.
    for before, after in zip(path.split("/"), filled.split("/"), strict=True):
        if before != after and (not after or after in STEPS):
            raise UnsafeValue("A variable in the path of the URL is empty or would lead to another place.")
    return filled + question_mark + _fill(query, values, _quoted)


def _quoted(value: Value) -> str:
    return quote(as_text(value), safe="")


def in_parameter(template: str, values: Mapping[str, Value]) -> str:
    """A query parameter, before it is encoded with the rest of the query."""
    return _fill(template, values, as_text)


def in_header(template: str, values: Mapping[str, Value]) -> str:
    """A header's value (RFC 9110 §5.5). Raises `UnsafeValue` for line breaks and other control characters."""
    text = _fill(template, values, as_text).strip(" \t")
    if any((ord(character) < 0x20 and character != "\t") or ord(character) == 0x7F for character in text):
        raise UnsafeValue("A variable in a header holds a line break or a control character.")
    return text


def in_body(template: str, values: Mapping[str, Value], content_type: str) -> str:
    """A body, by its content type: JSON, a form, XML or HTML, and plain text for everything else."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.endswith(("/json", "+json")):
        return _in_json(template, values)
    if media_type == "application/x-www-form-urlencoded":
        return _fill(template, values, lambda value: quote_plus(as_text(value)))
    if media_type in {"application/xml", "text/xml", "text/html"} or media_type.endswith("+xml"):
        return _fill(template, values, lambda value: html.escape(as_text(value)))
    return _fill(template, values, as_text)


def _in_json(template: str, values: Mapping[str, Value]) -> str:
    """Inside a string a value becomes characters of it; outside of one it becomes a JSON value."""
    filled: list[str] = []
    position, in_string = 0, False
    for found in VARIABLE.finditer(template):
        between = template[position : found.start()]
        filled.append(between)
        in_string = _ends_in_string(between, in_string)
        value = _value(found.group(1), values)
        filled.append(json.dumps(as_text(value))[1:-1] if in_string else json.dumps(value))
        position = found.end()
    filled.append(template[position:])
    return "".join(filled)


def _ends_in_string(text: str, in_string: bool) -> bool:
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif in_string and character == "\\":
            escaped = True
        elif character == '"':
            in_string = not in_string
    return in_string


def _fill(template: str, values: Mapping[str, Value], encode: Callable[[Value], str]) -> str:
    return VARIABLE.sub(lambda found: encode(_value(found.group(1), values)), template)


def _value(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise MissingVariable(name)
    value = values[name]
    if isinstance(value, float) and not math.isfinite(value):
        raise UnsafeValue("A variable is a number that JSON does not have.")
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise UnsafeValue("A variable holds half of a character.")
    return value


def check_url_template(template: str) -> str:
    """The URL with its variables filled by a letter, for the checks of a URL. Raises `ValueError`: one sentence."""
    scheme, separator, rest = template.partition("://")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if VARIABLE.search(scheme) or VARIABLE.search(host) or (not separator and VARIABLE.search(template)):
        raise ValueError("The host of the URL cannot be a variable.")
    if is_misspelt(template):
        raise ValueError("A variable is written {$botContext.NAME}; a name holds letters, digits, _, . and -.")
    filled = VARIABLE.sub("x", template)
    try:
        urlsplit(filled)
    except ValueError:
        raise ValueError("The URL is not well-formed.") from None
    return filled
