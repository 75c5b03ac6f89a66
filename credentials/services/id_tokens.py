"""Verify an ID token by the keys of the account's identity provider: configured, or fetched from its endpoint."""

import hashlib
import time
from contextlib import suppress

import requests
from django.core.cache import cache

from credentials.models import ConsumerIdentityProvider
from credentials.models.identity_provider import Verification
from credentials.oauth import id_token
from credentials.oauth.errors import OAuthFailure
from credentials.oauth.id_token import Claims, InvalidIdToken, Keys, UnknownKey, UnusableKeys
from credentials.outbound import guarded_session
from credentials.services.cache_errors import cache_errors

__all__ = ["InvalidIdToken", "verify"]

FETCH_SECONDS = 5.0
MAX_JWKS_BYTES = 262_144
KEPT_SECONDS = 600
# Tokens with made-up key ids must not make us ask the provider for its keys each time.
REFETCH_EVERY_SECONDS = 30


def verify(provider: ConsumerIdentityProvider, token: str, *, nonce: str | None) -> Claims:
    """Raises `InvalidIdToken`, and `OAuthFailure` (never permanent) where the provider's keys cannot be had."""
    expected = {"issuer": provider.issuer, "client_id": provider.client_id, "nonce": nonce, "now": time.time()}
    keys, fetched = _keys(provider)
    try:
        return id_token.verify(token, keys=keys, **expected)  # type: ignore[arg-type]
    except UnknownKey:
        newer = None if fetched else _newer_keys(provider)
        if newer is None:
            raise
    return id_token.verify(token, keys=newer, **expected)  # type: ignore[arg-type]


def _keys(provider: ConsumerIdentityProvider) -> tuple[Keys, bool]:
    """The keys, and whether they have just been fetched: also where the cache cannot be reached."""
    if provider.verification == Verification.PUBLIC_KEY:
        return _read(provider.public_key, pem=True), True
    kept = None
    with suppress(*cache_errors()):
        kept = cache.get(_name(provider))
    if isinstance(kept, str):
        return _read(kept), False
    return _fetch(provider), True


def _newer_keys(provider: ConsumerIdentityProvider) -> Keys | None:
    """The keys of this moment; None where they were asked for a moment ago."""
    try:
        if not cache.add(f"{_name(provider)}:asked", "1", REFETCH_EVERY_SECONDS):
            return None
    except cache_errors():
        return None
    return _fetch(provider)


def _fetch(provider: ConsumerIdentityProvider) -> Keys:
    with guarded_session(deadline=FETCH_SECONDS, max_bytes=MAX_JWKS_BYTES) as session:
        try:
            answer = session.get(provider.jwks_url, allow_redirects=False, headers={"Accept": "application/json"})
        except requests.RequestException:
            raise OAuthFailure("keys_unavailable", "Its keys could not be fetched.") from None
    if answer.status_code != requests.codes.ok:
        raise OAuthFailure("keys_unavailable", "Its JWKS endpoint did not answer with keys.")
    text = answer.content.decode("utf-8", "replace")
    keys = _read(text)
    with suppress(*cache_errors()):
        cache.set(_name(provider), text, KEPT_SECONDS)
    return keys


def _read(text: str, *, pem: bool = False) -> Keys:
    try:
        return id_token.keys_from_pem(text) if pem else id_token.keys_from_jwks(text)
    except UnusableKeys as error:
        raise OAuthFailure("keys_unavailable", str(error)) from None


def _name(provider: ConsumerIdentityProvider) -> str:
    """Of the cache entry. The keys are public; the account keeps one brand's entry from another's."""
    return f"jwks:{provider.account_id}:{hashlib.sha256(provider.jwks_url.encode()).hexdigest()}"
