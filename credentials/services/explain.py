"""Plain words for what can go wrong between the product and a resource: what happened, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """`happened` is a clause that follows "Needs authorization: "; `remedy` says what a person does next.

    `by_hand` says it where nothing is tried again by itself: a code is exchanged once. Empty where that is the same.
    """

    title: str
    happened: str
    remedy: str
    by_hand: str = ""


AUTHORIZE_AGAIN = "Click Authorize to grant access again."
TO_HAVE_IT_RENEWED = (
    "To have it renewed by itself, let the resource issue a refresh token: often by the scope offline_access, or by "
    "access_type=offline and prompt=consent under Authorization parameters."
)
TRY_AGAIN = "Click Authorize to try again; ask the resource's operator if it goes on."
CHECK_AND_AUTHORIZE = "Choose Edit, compare {what} with the resource's settings, and click Authorize again."

EXPLANATIONS: dict[str, Explanation] = {
    "access_denied": Explanation(
        "Access was not granted",
        "access was declined at the resource",
        "Click Authorize again and allow access, or ask somebody who may allow it at the resource.",
    ),
    "invalid_client": Explanation(
        "The resource does not accept the client",
        "the resource rejected the client ID or the client secret",
        CHECK_AND_AUTHORIZE.format(what="the Client ID and the Client Secret")
        + " Some resources want them in the request body: see Client authentication under Advanced.",
    ),
    "invalid_grant": Explanation(
        "The grant is no longer valid",
        "the resource says that the grant is invalid, expired or was revoked",
        AUTHORIZE_AGAIN,
    ),
    "invalid_scope": Explanation(
        "The scope was refused",
        "the resource does not know or does not allow the scope that was asked for",
        CHECK_AND_AUTHORIZE.format(what="the Scope"),
    ),
    "unauthorized_client": Explanation(
        "The client may not use this grant",
        "the resource does not allow this client to use this grant type",
        "Allow the grant type for the client at the resource, then click Authorize again.",
    ),
    "unsupported_grant_type": Explanation(
        "The grant type is not supported",
        "the resource does not support this grant type",
        "Add a credential with the other Grant Type.",
    ),
    "unsupported_response_type": Explanation(
        "The Authorization Code grant is not supported",
        "the resource does not hand out authorization codes to this client",
        "Allow the Authorization Code grant for the client at the resource, then click Authorize again.",
    ),
    "invalid_request": Explanation(
        "The resource did not understand the request",
        "the resource found the request invalid",
        CHECK_AND_AUTHORIZE.format(
            what="the Redirect URI, the Auth URL, the Token URL and the settings under Advanced"
        ),
    ),
    "no_refresh_token": Explanation(
        "The access token has expired",
        "the access token has expired and the resource issued no refresh token",
        f"{AUTHORIZE_AGAIN} {TO_HAVE_IT_RENEWED}",
    ),
    "not_authorized": Explanation(
        "Not authorized yet",
        "it has not been authorized yet",
        "Click Authorize to go to the resource and grant access.",
    ),
    "changed": Explanation(
        "Changed since it was authorized",
        "it was changed since it was authorized",
        "Click Authorize to grant access with the new values.",
    ),
    "not_finished": Explanation(
        "The authorization was not finished",
        "the authorization was started, but nobody came back from the resource within 10 minutes",
        "Click Authorize and finish signing in at the resource.",
    ),
    "interrupted": Explanation(
        "The authorization was interrupted",
        "the authorization was interrupted twice before the resource's answer arrived",
        AUTHORIZE_AGAIN,
    ),
    "iss_mismatch": Explanation(
        "The answer came from another server",
        "the answer did not come from the authorization server that was asked",
        "Check the Auth URL. If it is right, tell your security team before you authorize again.",
    ),
    "account_in_question": Explanation(
        "Which account is right?",
        "another account than before was authorized, and nobody has said yet whether that is right",
        "Look at both accounts and choose. Until then nothing is changed.",
    ),
    "another_account": Explanation(
        "The new account was not taken",
        "another account than before was authorized and was not accepted",
        "Nothing needs to be done while the former account works. Otherwise click Authorize and sign in at the "
        "resource as the former account.",
    ),
    "superseded": Explanation(
        "A later authorization took its place",
        "a later authorization took its place",
        "Look at the credential: it says how it stands.",
    ),
    "network": Explanation(
        "The resource cannot be reached",
        "the resource could not be reached",
        "Check the address. If it is right, nothing needs to be done: it is tried again.",
        "Check the Token URL, and click Authorize to try again.",
    ),
    "tls": Explanation(
        "The resource's certificate is not trusted",
        "the resource's TLS certificate was not accepted",
        "Check the address, and the certificate of the resource.",
    ),
    "timeout": Explanation(
        "The resource did not answer in time",
        "the resource did not answer in time",
        "Nothing needs to be done while it is tried again; ask the resource's operator if it goes on.",
        TRY_AGAIN,
    ),
    "blocked": Explanation(
        "The address is not allowed",
        "the address leads into a private network that may not be called",
        "Check the Token URL, or ask the operator of Bot Accounts to allow the address.",
    ),
    "redirect": Explanation(
        "The Token URL redirects",
        "the Token URL answers with a redirect, and secrets are not sent along redirects",
        "Choose Edit and enter the address that the resource's documentation gives as the token end point.",
    ),
    "malformed_answer": Explanation(
        "The answer was not understood",
        "the resource's answer was not an OAuth 2.0 token response",
        CHECK_AND_AUTHORIZE.format(what="the Token URL"),
    ),
    "server_error": Explanation(
        "The resource has a problem",
        "the resource reported a problem of its own",
        "Nothing needs to be done while it is tried again; ask the resource's operator if it goes on.",
        TRY_AGAIN,
    ),
    "provider_down": Explanation(
        "The resource is not answering",
        "the resource is not answering",
        "Nothing needs to be done: it is tried again by itself, and renewed when the resource is back.",
    ),
    "certificate_expired": Explanation(
        "The key certificate has ended",
        "its key certificate has ended",
        "Choose Edit and upload a key certificate that is valid.",
    ),
    "deactivated": Explanation(
        "It was deactivated",
        "the staff of Bot Accounts deactivated it",
        "Ask the administrators of Bot Accounts why, and to activate it again.",
    ),
    "secrets_unreadable": Explanation(
        "The stored secrets cannot be opened",
        "the stored secrets cannot be opened with the configured keys",
        "Choose Edit and enter the secrets again, or ask the operator to restore the missing key.",
    ),
    "keys_unavailable": Explanation(
        "The identity provider's keys cannot be had",
        "the keys by which ID tokens are verified could not be had",
        "Check the JWKS endpoint or the JWT public key of the account's identity provider.",
    ),
    "invalid_id_token": Explanation(
        "The ID token was not accepted",
        "the identity provider's ID token was not accepted",
        "Compare the settings of the account's identity provider with its own.",
    ),
    "another_consumer": Explanation(
        "Another consumer answered",
        "the identity provider answered for another consumer",
        "Ask the consumer to sign in again.",
    ),
}
SAME_AS = {
    "temporarily_unavailable": "server_error",
    "slow_down": "server_error",
    "too_many_requests": "server_error",
    "too_large": "malformed_answer",
    "http_error": "malformed_answer",
}
UNKNOWN = Explanation(
    "The resource refused",
    "the resource refused the request",
    CHECK_AND_AUTHORIZE.format(what="what was entered"),
)


def explanation(code: str) -> Explanation:
    """The words for an error code. A code that nobody foresaw gets general ones."""
    return EXPLANATIONS.get(SAME_AS.get(code, code), UNKNOWN)


def reason(code: str, said: str = "") -> str:
    """One clause for the status: what happened, and what else is known of it, often in the provider's words."""
    happened = explanation(code).happened
    return f"{happened} (details: {said.rstrip('.')})" if said else happened
