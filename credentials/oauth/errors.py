"""The one way in which a conversation with an authorization server fails."""

import unicodedata

MAX_DESCRIPTION = 300  # characters


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


# Words by which this service says what it found out itself. From a provider they would mean something else.
_OURS = frozenset(
    {"account_in_question", "another_account", "another_consumer", "blocked", "certificate_expired", "changed"}
    | {"deactivated", "http_error", "interrupted", "invalid_id_token", "provider_down", "superseded"}
    | {"iss_mismatch", "keys_unavailable", "malformed_answer", "network", "no_refresh_token", "not_authorized"}
    | {"not_finished", "redirect", "refused", "secrets_unreadable", "timeout", "tls", "too_large", "too_many_requests"}
    | {"expired", "subject_unknown", "wrong_confirmation", "wrong_subject"}
)


def of_provider(code: str, description: str) -> tuple[str, str]:
    """Return a provider's error code and description. One of ours becomes ``refused``, and is then what it said."""
    return ("refused", description or code) if code in _OURS else (code, description)


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
