"""Every word that an error answer can hold, and which call can answer with which: what the OpenAPI document says.

A code that is added in `errors.py` gets a line here; `tests/api/test_codes.py` wants a request that produces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """`meaning` is for the documentation; `example` is a `detail` that it may come with."""

    status: int
    error: str
    meaning: str
    example: str


NOT_TAKEN = Code(
    400,
    "invalid_request",
    "A token stands in the address, where it ends up in logs; or the request names a host that is not served here, or "
    "cannot be read at all.",
    "A token in the address ends up in logs: revoke it, and send tokens in the Authorization header.",
)
UNAUTHORIZED = Code(
    401,
    "unauthorized",
    "No service token, or a wrong, expired or revoked one.",
    "Send a service token of your organization: Authorization: Bearer bat_…",
)
INSUFFICIENT_SCOPE = Code(
    403,
    "insufficient_scope",
    "The service token may not do this; `detail` names the scope that is missing.",
    "The service token does not have the scope tokens:read.",
)
NOT_FOUND = Code(
    404,
    "not_found",
    "Nothing of your organization has this id, or the service token is restricted to other credentials.",
    "There is nothing here, or it belongs to another organization.",
)
METHOD_NOT_ALLOWED = Code(
    405, "method_not_allowed", "The address does not answer to this method.", "This address answers to POST only."
)
NEEDS_AUTHORIZATION = Code(
    409,
    "needs_authorization",
    "Only a person can help; `detail` says what happened.",
    "The resource says that the grant is invalid, expired or was revoked.",
)
CONSUMER_NOT_AUTHENTICATED = Code(
    409,
    "consumer_not_authenticated",
    "The consumer has to sign in (again).",
    "Nobody is authenticated in this conversation: ask for a challenge.",
)
NO_IDENTITY_PROVIDER = Code(
    409,
    "no_identity_provider",
    "The account has no consumer identity provider yet.",
    "The account has no consumer identity provider. An administrator sets it up.",
)
NOT_CONFIGURED = Code(
    409,
    "not_configured",
    "The credential and the account's identity provider do not go together.",
    "The account's identity provider has no token endpoint.",
)
TOO_LARGE = Code(413, "too_large", "The body is too large.", "The body has more than 262144 bytes.")
INVALID_REQUEST = Code(
    422,
    "invalid_request",
    "The body or a parameter does not fit; `detail` names it.",
    "conversation: Field required.",
)
NO_TOKEN = Code(
    422,
    "no_token",
    "A credential of this type has no token to hand out.",
    "A credential of this type has no token to hand out.",
)
UNKNOWN_TYPE = Code(
    422,
    "unknown_type",
    "This version does not know the credential's type.",
    "This version of Bot Accounts does not know the credential's type.",
)
MISSING_VARIABLE = Code(
    422,
    "missing_variable",
    "The integration uses a variable that was not given. Nothing was sent.",
    "The variable orderId is used by the integration and was not given.",
)
INVALID_VARIABLE = Code(
    422,
    "invalid_variable",
    "A variable's value cannot stand where the integration puts it. Nothing was sent.",
    "A variable in a header holds a line break or a control character.",
)
NO_CREDENTIAL = Code(
    422,
    "no_credential",
    "The domain has no credential for an NLU engine.",
    "The domain has no credential for an NLU engine.",
)
NO_CHALLENGE = Code(
    422,
    "no_challenge",
    "A credential of this type is not authenticated by a consumer's link.",
    "A credential of this type is not authenticated by a consumer's link.",
)
WRONG_CONFIRMATION = Code(
    422,
    "wrong_confirmation",
    "Not the code that the consumer's page shows; the fifth one ends the challenge.",
    "This is not the code that the consumer's page shows.",
)
INVALID_ID_TOKEN = Code(
    422,
    "invalid_id_token",
    "The ID token was not accepted; `detail` says why.",
    "The ID token has expired.",
)
HAND_OVER_REFUSED = Code(
    422,
    "hand_over_refused",
    "The identity provider refused the code.",
    "The resource says that the grant is invalid, expired or was revoked.",
)
TOO_MANY_REQUESTS = Code(
    429,
    "too_many_requests",
    "Too many wrong service tokens came from your address: wait `Retry-After` seconds. A right one is never held up.",
    "Too many wrong service tokens came from your address. Wait before you send another one.",
)
INTERNAL_ERROR = Code(500, "internal_error", "Something went wrong on our side.", "Something went wrong on our side.")
TEMPORARILY_UNAVAILABLE = Code(
    503,
    "temporarily_unavailable",
    "It cannot be done right now: ask again after `Retry-After` seconds.",
    "It cannot be done right now: the resource did not answer in time.",
)

ALWAYS = (
    NOT_TAKEN,
    UNAUTHORIZED,
    INSUFFICIENT_SCOPE,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    TEMPORARILY_UNAVAILABLE,
)
TO_A_POST = (TOO_LARGE,)
# Of no call: the address exists, and the method does not.
OF_NO_CALL = (METHOD_NOT_ALLOWED,)
# Beside those, by operation id.
BY_CALL: Mapping[str, tuple[Code, ...]] = {
    "list_credentials": (INVALID_REQUEST,),
    "get_credential": (NOT_FOUND,),
    "get_token": (
        NOT_FOUND,
        NEEDS_AUTHORIZATION,
        CONSUMER_NOT_AUTHENTICATED,
        INVALID_REQUEST,
        NO_TOKEN,
        UNKNOWN_TYPE,
    ),
    "call_integration": (
        NOT_FOUND,
        NEEDS_AUTHORIZATION,
        CONSUMER_NOT_AUTHENTICATED,
        INVALID_REQUEST,
        MISSING_VARIABLE,
        INVALID_VARIABLE,
        UNKNOWN_TYPE,
    ),
    "get_domain_credentials": (NOT_FOUND, NEEDS_AUTHORIZATION, NO_CREDENTIAL, UNKNOWN_TYPE),
    "hand_over_consumer": (NO_IDENTITY_PROVIDER, INVALID_REQUEST, INVALID_ID_TOKEN, HAND_OVER_REFUSED),
    "create_challenge": (NOT_FOUND, NO_IDENTITY_PROVIDER, NOT_CONFIGURED, INVALID_REQUEST, NO_CHALLENGE, UNKNOWN_TYPE),
    "get_challenge": (NOT_FOUND,),
    "confirm_challenge": (NOT_FOUND, INVALID_REQUEST, WRONG_CONFIRMATION),
}


def codes_of(operation_id: str, method: str) -> list[Code]:
    """Every refusal of one call, by status. Raises `KeyError` for a call that nobody has listed."""
    own = (*ALWAYS, *(TO_A_POST if method.upper() == "POST" else ()), *BY_CALL[operation_id])
    return sorted(own, key=lambda code: code.status)


def every_code() -> list[Code]:
    """Each once, by status."""
    found = dict.fromkeys((*ALWAYS, *TO_A_POST, *OF_NO_CALL, *(code for own in BY_CALL.values() for code in own)))
    return sorted(found, key=lambda code: (code.status, code.error))
