"""`{$botContext.NAME}` in an integration's URL, parameters, headers and body. Pure: texts in, texts out.

Each value is encoded for the place it goes to, so that what a consumer typed can change a value and nothing else.
"""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus, urlsplit

VARIABLE = re.compile(r"\{\$botContext\.([A-Za-z_][A-Za-z0-9_.-]*)\}")
Value = str | int | float | bool | None


class MissingVariable(Exception):
    """The call names no value for a variable that the integration uses."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {name} is used by the integration and was not given.")
        self.name = name


class UnsafeValue(Exception):
    """A value that cannot stand where the integration puts it."""


def names_in(*texts: str) -> set[str]:
    return {name for text in texts for name in VARIABLE.findall(text)}


def as_text(value: Value) -> str:
    """As JSON spells it, except that a string is itself and null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def in_url(template: str, values: Mapping[str, Value]) -> str:
    """A URL. A value becomes part of one path segment or of one query value; the host cannot hold a variable."""
    return _fill(template, values, lambda value: _segment(as_text(value)))


def _segment(text: str) -> str:
    if text in {".", ".."}:
        # A path segment of dots would climb, encoded or not.
        raise UnsafeValue("A variable in the URL cannot be a step up in the path.")
    return quote(text, safe="")


def in_parameter(template: str, values: Mapping[str, Value]) -> str:
    """A query parameter, before it is encoded with the rest of the query."""
    return _fill(template, values, as_text)


def in_header(template: str, values: Mapping[str, Value]) -> str:
    """A header's value. Raises `UnsafeValue` for line breaks and other control characters."""
    text = _fill(template, values, as_text)
    if any(ord(character) < 0x20 and character != "\t" or ord(character) == 0x7F for character in text):
        raise UnsafeValue("A variable in a header holds a line break or a control character.")
    return text


def in_body(template: str, values: Mapping[str, Value], content_type: str) -> str:
    """A body, by its content type: JSON, a form, or plain text."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        return _in_json(template, values)
    if media_type == "application/x-www-form-urlencoded":
        return _fill(template, values, lambda value: quote_plus(as_text(value)))
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
    return values[name]


def check_url_template(template: str) -> str:
    """The URL with its variables filled by a letter, for the checks of a URL. Raises `ValueError`: one sentence."""
    scheme, separator, rest = template.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if VARIABLE.search(scheme) or VARIABLE.search(host) or (not separator and VARIABLE.search(template)):
        raise ValueError("The host of the URL cannot be a variable.")
    filled = VARIABLE.sub("x", template)
    urlsplit(filled)
    return filled
