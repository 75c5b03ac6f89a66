"""Secrets out of texts that somebody else wrote: some providers echo what they were sent.

Everything here takes time that grows with the text and with the secrets, never with their product: both may be a
hostile provider's, a megabyte each, and a thread that searches holds up all others of its process.
"""

import base64
import binascii
import re
from array import array
from collections.abc import Collection, Iterator, Mapping
from typing import AnyStr

# A shorter value than this is no secret, and hiding it would eat ordinary words.
_SHORTEST_SECRET = 6
_HIDDEN = "[hidden]"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPED = re.compile(
    r"%(?P<percent>[0-9A-Fa-f]{2})"
    r"|\\u(?P<pair>[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|\\u(?P<unit>[0-9A-Fa-f]{4})"
    r'|\\(?P<itself>["/\\])'
)


def redact(text: str, secrets: Collection[str]) -> str:
    """Return ``text`` without any of ``secrets``.

    They are found plain, URL-encoded by whatever rules, escaped as in JSON, and inside base64 (RFC 7617: Basic).
    """
    sought = {secret: _forms(secret) for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    if not sought:
        return text

    def hide(run: re.Match[str]) -> str:
        return _HIDDEN if _holds(_decoded(run.group()), sought) else run.group()

    return _BASE64.sub(hide, _without(text, sought))


def _holds(text: str, sought: Mapping[str, set[bytes]]) -> bool:
    read = _read(text)
    return any(secret in text or any(form in read for form in forms) for secret, forms in sought.items())


def _without(text: str, sought: Mapping[str, set[bytes]]) -> str:
    read, starts = _read_with_places(text)
    spans = [span for secret in sought for span in _occurrences(text, secret)]
    for form in set().union(*sought.values()):
        spans += ((starts[first], starts[last]) for first, last in _occurrences(read, form))
    kept: list[str] = []
    position = 0
    for first, last in sorted(spans):
        if first >= position:
            kept += (text[position:first], _HIDDEN)
        position = max(position, last)
    return "".join([*kept, text[position:]])


def _forms(secret: str) -> set[bytes]:
    """What a secret is where the escapes of a text are read: itself, or, if it holds some, what they stand for."""
    return {_spaced(secret.encode("utf-8", "surrogatepass")), _read(secret)}


def _occurrences(text: AnyStr, part: AnyStr) -> Iterator[tuple[int, int]]:
    found = text.find(part)
    while found >= 0:
        yield found, found + len(part)
        found = text.find(part, found + len(part))


def _read(text: str) -> bytes:
    """``text`` in UTF-8 with its escapes read, and with plus signs as the spaces that they may stand for."""
    if "%" not in text and "\\" not in text:
        return _spaced(text.encode("utf-8", "surrogatepass"))
    return _read_with_places(text)[0]


def _read_with_places(text: str) -> "tuple[bytes, array[int]]":
    """The same, and for each byte the place in ``text`` where what it comes from begins; one more for the end."""
    read, starts = bytearray(), array("L")
    position = 0

    def plain(until: int) -> None:
        part = text[position:until]
        if part.isascii():
            read.extend(part.encode())
            starts.extend(range(position, until))
            return
        for place, character in enumerate(part, start=position):
            encoded = character.encode("utf-8", "surrogatepass")
            read.extend(encoded)
            starts.extend([place] * len(encoded))

    for escape in _ESCAPED.finditer(text):
        plain(escape.start())
        meant = _meant(escape)
        read.extend(meant)
        starts.extend([escape.start()] * len(meant))
        position = escape.end()
    plain(len(text))
    starts.append(len(text))
    return _spaced(bytes(read)), starts


def _meant(escape: re.Match[str]) -> bytes:
    if escape["percent"]:
        return bytes.fromhex(escape["percent"])
    if escape["pair"]:
        return bytes.fromhex(escape["pair"].replace("\\u", "")).decode("utf-16-be").encode()
    if escape["unit"]:
        return chr(int(escape["unit"], 16)).encode("utf-8", "surrogatepass")
    return escape["itself"].encode()


def _spaced(data: bytes) -> bytes:
    return data.replace(b"+", b" ")


def _decoded(run: str) -> str:
    """What a run of base64 says, plain or URL-safe; nothing where it is none."""
    standard = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""
