"""The JSON that an NLU provider hands out: read with limits, and asked for its members by name."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from credentials.outbound import check_url, is_named
from credentials.types.fields import holds_control_character

MAX_BYTES = 65_536
MAX_MEMBER = 2000  # characters; a private key has a limit of its own


class Unfit(ValueError):
    """The document is not what the provider hands out; one sentence that names members and never repeats a value."""


def read(text: str) -> dict[str, Any]:
    """The JSON object (RFC 8259) in `text`. Raises `Unfit`."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Unfit("It is not UTF-8 text.") from None
    if size > MAX_BYTES:
        raise Unfit(f"It has more than {MAX_BYTES // 1024} kB.")
    try:
        document = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
    except Unfit:
        raise
    except RecursionError:
        raise Unfit("It is nested too deeply.") from None
    except ValueError:  # also a number of more digits than Python converts
        raise Unfit("It is not JSON. Paste all of it, from the first { to the last }.") from None
    if not isinstance(document, dict):
        raise Unfit("It is not a JSON object: it begins with { and ends with }.")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # RFC 8259 §4: which of them counts is anybody's guess.
        raise Unfit("It names a member twice.")
    return members


def _no_constant(name: str) -> None:
    raise Unfit("It is not JSON. Paste all of it, from the first { to the last }.")


def require(document: dict[str, Any], names: Iterable[str]) -> None:
    """Raises `Unfit` naming every one of `names` that is missing or empty."""
    missing = [name for name in names if not document.get(name)]
    if missing:
        raise Unfit(f"It lacks {listed(missing)}.")


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def text_of(document: dict[str, Any], name: str) -> str:
    """A member that is one line of text. Raises `Unfit`."""
    value = document[name]
    if not isinstance(value, str):
        raise Unfit(f"{name} is not text.")
    if len(value) > MAX_MEMBER:
        raise Unfit(f"{name} has more than {MAX_MEMBER} characters.")
    if holds_control_character(value):
        raise Unfit(f"{name} holds a line break or another control character.")
    return value


def address_of(document: dict[str, Any], name: str) -> str:
    """A member that is an address which may be called at all. Raises `Unfit`."""
    url = text_of(document, name)
    try:
        check_url(url)
    except ValueError as refusal:
        raise Unfit(f"{name}: {refusal}") from None
    return url


def token_address_of(document: dict[str, Any], name: str, *, hosts: Iterable[str]) -> str:
    """The address that the secret is sent to: at the provider, or at a host that OUTBOUND_ALLOW names.

    `hosts`: names, and suffixes that begin with a dot. Raises `Unfit`.
    """
    url = address_of(document, name)
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    at_provider = parts.port in (None, 443) and any(
        host.endswith(known) if known.startswith(".") else host == known for known in hosts
    )
    if not at_provider and not is_named(url):
        raise Unfit(f"{name} leads to {host}, which is not a host of the provider. The operator can allow it.")
    return url
