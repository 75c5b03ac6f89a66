"""The OpenAPI document: what the library reads off the calls, and beside it every refusal, header and example."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any

from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from credentials.api.authentication import ServiceTokenAuthentication
from credentials.api.codes import Code, codes_of, every_code

Document = dict[str, Any]
SCHEME = "ServiceTokenAuthentication"
DESCRIPTION = (
    "What bots ask of Bot Accounts. Every call wants a service token of the organization, in the `Authorization` "
    "header and nowhere else. Every answer that is no success has one shape: "
    '`{"error": "snake_case", "detail": "one sentence"}`.'
)
TAGS = [
    {"name": "credentials", "description": "How they stand, and tokens that a resource accepts now."},
    {"name": "integrations", "description": "Calls of an API with a credential attached."},
    {"name": "consumers", "description": "On whose behalf a bot acts: taken over, or asked to sign in."},
    {"name": "domains", "description": "What a domain's NLU engine is trained with."},
]
RETRY_AFTER = {
    "Retry-After": {
        "description": "Whole seconds to wait (RFC 9110 §10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
WWW_AUTHENTICATE = {
    "WWW-Authenticate": {
        "description": "What is wanted instead (RFC 6750 §3).",
        "required": True,
        "schema": {"type": "string"},
    }
}
HEADERS: Mapping[int, Mapping[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: WWW_AUTHENTICATE,
    HTTPStatus.FORBIDDEN: WWW_AUTHENTICATE,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
}
ERROR = "#/components/schemas/ErrorAnswer"
A_CREDENTIAL = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
A_CHALLENGE = "0e37df36-f698-4b1c-8a5b-8d0b5c9f1a2e"
SHOWN = {
    "id": A_CREDENTIAL,
    "name": "Orders",
    "type": "oauth2",
    "status": "active",
    "reason": "",
    "expires_at": None,
    "last_used_at": "2026-05-04T09:30:00Z",
    "created_at": "2026-01-12T08:00:00Z",
    "updated_at": "2026-01-12T08:00:00Z",
}
STANDING = {
    "id": A_CHALLENGE,
    "conversation": "chat-4711",
    "status": "succeeded",
    "error": None,
    "reason": "",
    "consumer": "customer-42",
    "token_expires_at": "2026-05-04T10:30:00Z",
}
# A successful answer of each call. Tokens are words that nobody can take for one.
ANSWERS: Mapping[str, Any] = {
    "list_credentials": {"credentials": [SHOWN], "next": None},
    "get_credential": SHOWN,
    "get_token": {
        "access_token": "an-access-token-of-the-resource",
        "token_type": "Bearer",
        "expires_at": "2026-05-04T10:30:00Z",
        "scope": "read write",
    },
    "call_integration": {
        "success": True,
        "status": 200,
        "headers": {"Content-Type": "application/json"},
        "body": '{"order": "A-1001", "state": "shipped"}',
        "attempts": 1,
        "error": None,
    },
    "get_domain_credentials": {
        "provider": "google_dialogflow",
        "access_token": "an-access-token-of-the-engine",
        "token_type": "Bearer",
        "expires_at": "2026-05-04T10:30:00Z",
        "endpoint": "https://dialogflow.googleapis.com",
        "project_id": "travel-bot",
        "location": None,
    },
    "hand_over_consumer": {"consumer": "customer-42", "expires_at": "2026-05-04T10:30:00Z"},
    "create_challenge": {
        "id": A_CHALLENGE,
        "url": "https://bots.example.com/consumer/a-link-that-works-once/",
        "expires_at": "2026-05-04T10:00:00Z",
    },
    "get_challenge": STANDING,
    "confirm_challenge": STANDING,
}


class Described(OpenAPISchema):
    """As the library reads it off the calls, with the scope that each of them wants (OpenAPI 3.1 §4.8.30)."""

    def operation_security(self, operation: Operation) -> list[Document] | None:
        (door,) = operation.auth_callbacks
        assert isinstance(door, ServiceTokenAuthentication)  # noqa: S101 - every call is behind one
        self.securitySchemes[SCHEME] = door.openapi_security_schema
        return [{SCHEME: [str(door.scope)]}]


def complete(document: Document) -> Document:
    """Add to the library's document what it does not know, in place."""
    schemas = document["components"]["schemas"]
    schemas["ErrorAnswer"]["properties"]["error"]["enum"] = sorted({code.error for code in every_code()})
    document["tags"] = TAGS
    scheme = document["components"]["securitySchemes"].pop(SCHEME)
    description = "A service token of one organization. An administrator makes it under *Service tokens*."
    document["components"]["securitySchemes"] = {SCHEME: {**scheme, "description": description}}
    for method, operation in operations(document):
        say_what_comes_back(operation, codes_of(operation["operationId"], method))
    return document


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Method and description of every call."""
    for calls in document["paths"].values():
        yield from calls.items()


def say_what_comes_back(operation: Document, codes: Sequence[Code]) -> None:
    success = operation["responses"][HTTPStatus.OK]
    success["description"] = "As asked."
    success["content"]["application/json"]["example"] = ANSWERS[operation["operationId"]]
    operation["responses"] = {str(int(HTTPStatus.OK)): success} | {
        str(status): refusal(status, list(same)) for status, same in groupby(codes, key=lambda code: code.status)
    }


def refusal(status: int, codes: Sequence[Code]) -> Document:
    """One status: the words that it comes with, what they mean, and an example of each."""
    told: Document = {
        "description": "\n".join(f"- `{code.error}`: {code.meaning}" for code in codes),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [{"$ref": ERROR}, {"properties": {"error": {"enum": [code.error for code in codes]}}}]
                },
                "examples": {
                    code.error: {"summary": code.meaning, "value": {"error": code.error, "detail": code.example}}
                    for code in codes
                },
            }
        },
    }
    if status in HEADERS:
        told["headers"] = dict(HEADERS[status])
    return told
