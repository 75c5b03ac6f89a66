"""What a token endpoint said: tokens, or a failure that is permanent or worth a retry (RFC 6749 sections 5.1, 5.2)."""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from credentials.oauth.client import RawAnswer
from credentials.oauth.errors import OAuthFailure, clean, of_provider
from credentials.oauth.redaction import redact

DEFAULT_LIFETIME_SECONDS = 3600.0  # what a caller assumes where the provider says nothing
MAX_LIFETIME_SECONDS = 365 * 24 * 3600.0
MAX_TOKEN_TYPE = 100  # characters
_RETRY_AFTER_SECONDS = (1.0, 3600.0)

# Codes that say "not now". The second line is what large providers say beside the RFC.
_PASSING = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down"}
    | {"internal_error", "fatal_error", "ratelimited", "rate_limited", "service_unavailable", "request_timeout"}
)
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # 1*VSCHAR and space: what fits into a header (RFC 6749 appendix A.12)


@dataclass(frozen=True)
class TokenSet:
    """Usable tokens. ``expires_in``: seconds, more than 0 and at most MAX_LIFETIME_SECONDS; None: not said."""

    access_token: str
    token_type: str
    refresh_token: str | None
    scope: str | None
    expires_in: float | None
    id_token: str | None

    def __repr__(self) -> str:
        return f"TokenSet(token_type={self.token_type!r}, expires_in={self.expires_in!r})"


def parse(raw: RawAnswer, *, secrets: Collection[str] = ()) -> TokenSet:
    """Return the tokens in ``raw`` or raise OAuthFailure, which says whether a retry can help.

    ``secrets``: what was sent (client secret, code, refresh token), so that a provider that echoes it into its
    description does not put it on our pages.
    """
    fields = _fields(raw)
    if not 200 <= raw.status <= 299:
        raise _refusal(raw, fields or {}, secrets)
    if fields is None:
        raise OAuthFailure("malformed_answer", "The token endpoint answered with something that is no OAuth answer.")
    if fields.get("error") or fields.get("ok") is False:
        raise _refusal(raw, fields, secrets)
    access_token = _token(fields, "access_token")
    if access_token is None:
        raise OAuthFailure("malformed_answer", "The token endpoint's answer holds no access token.")
    return TokenSet(
        access_token=access_token,
        token_type=_token_type(fields),
        refresh_token=_refresh_token(fields),
        scope=_scope(fields.get("scope")),
        expires_in=_lifetime(fields.get("expires_in")),
        id_token=_token(fields, "id_token"),
    )


def _fields(raw: RawAnswer) -> dict[str, Any] | None:
    """The members of a JSON object, or of a form-encoded body (older providers); None for anything else."""
    text = raw.body.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):  # also a number of more digits than Python converts
            return None
        return value if isinstance(value, dict) else None
    if not re.match(r"[A-Za-z_]{1,64}=", text):
        return None
    try:
        return dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return None


def _refusal(raw: RawAnswer, fields: Mapping[str, Any], secrets: Collection[str]) -> OAuthFailure:
    # A failing server may still spill a token into its answer; its own words are not to repeat that either.
    spilled = [fields.get(name) for name in ("access_token", "refresh_token", "id_token")]
    hidden = [*secrets, *(value for value in spilled if isinstance(value, str))]
    said = fields.get("error") or fields.get("errorCode")  # the latter, with errorMessage, is IBM Cloud's IAM
    detail = fields.get("error_description") or fields.get("message") or fields.get("errorMessage")
    if isinstance(said, dict):  # {"error": {"message": …}}: some large providers' own form
        detail, said = said.get("message"), said.get("type") or said.get("status")
    described = clean(redact(detail, hidden)) if isinstance(detail, str) else ""
    code = redact(said, hidden) if isinstance(said, str) else ""
    if code and not _ERROR_CODE.fullmatch(code):
        code, described = "refused", described or clean(code)
    code, described = of_provider(code, described)
    wait = _retry_after(raw.headers.get("retry-after"))

    def passing(own_code: str, sentence: str) -> OAuthFailure:
        return OAuthFailure(own_code, described or sentence, retry_after=wait)

    if raw.status == 429:
        return passing("too_many_requests", "The server asks to be called less often.")
    if raw.status == 408 or raw.status >= 500:
        return passing("server_error", f"The server failed with status {raw.status}.")
    if 300 <= raw.status <= 399:
        sentence = f"The server answered with a redirect (status {raw.status}), which is not followed. Check the URL."
        # A maintenance page must not end a grant that works again tomorrow.
        return OAuthFailure("redirect", sentence, permanent=False)
    if code in _PASSING:
        return passing(code, "The server cannot answer at the moment.")
    if code or fields.get("ok") is False:
        sentence = "" if code else "The server refused and gave no reason."
        return OAuthFailure(code or "refused", described or sentence, permanent=True)
    # Without an OAuth error this may be a gateway or a deployment in front of the server, which passes.
    return passing("http_error", f"The server answered with status {raw.status} and no OAuth error.")


def _token(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise OAuthFailure("malformed_answer", f"The server's {name} holds characters that no token may hold.")
    return value


def _token_type(fields: Mapping[str, Any]) -> str:
    """A word or an absolute URI (RFC 6749 appendix A.13), of a length that a database column and a header can bear."""
    value = (_token(fields, "token_type") or "").strip() or "Bearer"
    if " " in value or len(value) > MAX_TOKEN_TYPE:
        raise OAuthFailure("malformed_answer", "The server's token_type is no token type.")
    return value


def _refresh_token(fields: Mapping[str, Any]) -> str | None:
    value = _token(fields, "refresh_token")
    # What IBM Cloud's IAM puts there where it issues none.
    return None if value == "not_supported" else value


def _scope(value: object) -> str | None:
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    return clean(value, limit=4096) or None


def _lifetime(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(seconds, MAX_LIFETIME_SECONDS)


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date (RFC 9110 section 10.2.3), bounded so that nobody parks a credential for a year."""
    if not value:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,20}", value):
        seconds = float(value)
    else:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    lowest, highest = _RETRY_AFTER_SECONDS
    return max(lowest, min(seconds, highest))
