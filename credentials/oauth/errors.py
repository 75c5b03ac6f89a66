"""The one way in which a conversation with an authorization server fails."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Collection

MAX_DESCRIPTION = 300  # characters
# A shorter value than this is no secret, and hiding it would eat ordinary words.
_SHORTEST_SECRET = 6
_HIDDEN = "[hidden]"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def clean(text: object, *, limit: int = MAX_DESCRIPTION) -> str:
    """Return what a provider said as one line of at most ``limit`` characters, fit for a page and for a log.

    Control, format (right-to-left marks), surrogate and private characters become spaces; markup stays text and is
    escaped where it is shown. Anything that is not text gives an empty string.
    """
    if not isinstance(text, str):
        return ""
    # The first cut keeps a description of a megabyte from being walked to its end.
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text[: limit * 20])
    return " ".join(shown.split())[:limit]


def redact(text: str, secrets: Collection[str]) -> str:
    """Return ``text`` without any of ``secrets``: some providers echo what they were sent.

    They are found plain, URL-encoded by whatever rules, escaped as in JSON, and inside base64 (RFC 7617: Basic).
    """
    patterns = [_however_written(secret) for secret in sorted(secrets, key=len, reverse=True) if _is_secret(secret)]
    if not patterns:
        return text
    written = re.compile("|".join(patterns))

    def hide(run: re.Match[str]) -> str:
        return _HIDDEN if written.search(_decoded(run.group())) else run.group()

    return _BASE64.sub(hide, written.sub(_HIDDEN, text))


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET


def _however_written(secret: str) -> str:
    """A pattern: which characters are escaped differs from one writer to the next, so each may be or not."""
    return "".join(_escaped(character) for character in secret)


def _escaped(character: str) -> str:
    percent = "".join(f"%(?i:{byte:02x})" for byte in character.encode("utf-8", "surrogatepass"))
    ways = [re.escape(character), percent, f"\\\\u(?i:{ord(character):04x})"]
    if character == " ":
        ways.append(r"\+")
    if character in '"/\\':
        ways.append(re.escape(f"\\{character}"))
    return f"(?:{'|'.join(ways)})"


def _decoded(run: str) -> str:
    """What a run of base64 says, plain or URL-safe; nothing where it is none."""
    standard = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""


class OAuthFailure(Exception):
    """An authorization server refused, could not be reached, or answered nonsense.

    ``code``: an error code of RFC 6749 or of the provider, or one of ours: ``network``, ``tls``, ``timeout``,
    ``blocked``, ``too_large``, ``server_error``, ``too_many_requests``, ``redirect``, ``http_error``,
    ``malformed_answer``, ``refused``.
    ``description``: one cleaned sentence of at most 300 characters, possibly the provider's; never a token or secret.
    ``permanent``: a retry with the same input cannot succeed; somebody has to authorize or edit.
    ``retry_after``: seconds that the provider asked to wait (1 to 3600), or None.
    """

    def __init__(
        self, code: str, description: str = "", permanent: bool = False, retry_after: float | None = None
    ) -> None:
        self.code = code
        self.description = clean(description)
        self.permanent = permanent
        self.retry_after = retry_after
        # All of them, in order: an exception is unpickled by calling its class with its arguments.
        super().__init__(code, self.description, permanent, retry_after)

    def __str__(self) -> str:
        return f"{self.code}: {self.description}" if self.description else self.code
