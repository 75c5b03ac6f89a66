"""What goes in and what comes out, as OpenAPI shows it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field, WrapValidator

from credentials.models.credential import Status
from credentials.services.variables import Value


def scalar(value: Any, inner: Callable[[Any], Any]) -> Value:
    """One sentence instead of one for each of the types that it is not."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError("must be a text, a number, true, false or null")


Variable = Annotated[str | int | float | bool | None, WrapValidator(scalar)]
ConsumerId = Annotated[str | None, Field(max_length=255, description="The consumer on whose behalf it happens.")]
ConversationId = Annotated[str | None, Field(max_length=255, description="The conversation in which it happens.")]


class Request(Schema):
    """A body. A member that is not known is refused: it is a mistyped one."""

    model_config = ConfigDict(extra="forbid")

    conversation: ConversationId = None
    consumer: ConsumerId = None


class TokenRequest(Request):
    """May be left out altogether."""


class CallRequest(Request):
    """`variables`: a value for each `{$botContext.NAME}` of the integration."""

    variables: dict[str, Variable] = Field(default_factory=dict, examples=[{"orderId": "A-1001"}])


class ErrorAnswer(Schema):
    """A word for programs and a sentence for people."""

    error: str = Field(examples=["needs_authorization"])
    detail: str


class CredentialAnswer(Schema):
    """How a credential stands; nothing of it is secret."""

    id: UUID
    name: str
    type: str = Field(examples=["oauth2"])
    status: Status
    reason: str = Field(description="Why the status is what it is; empty when there is nothing to say.")
    expires_at: datetime | None = Field(description="When access ends unless a person does something.")
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


class CredentialList(Schema):
    """One page, by name. `next` is the `after` of the next one."""

    credentials: list[CredentialAnswer]
    next: UUID | None


class TokenAnswer(Schema):
    """To be sent as `Authorization: token_type access_token`. After `expires_at`, ask again."""

    access_token: str
    token_type: str = Field(examples=["Bearer"])
    expires_at: datetime | None
    scope: str | None


class EngineAnswer(Schema):
    """What the domain's NLU engine is trained with. After `expires_at`, ask again."""

    provider: str = Field(examples=["google_dialogflow", "ibm_watson"])
    access_token: str
    token_type: str = Field(examples=["Bearer"])
    expires_at: datetime | None
    endpoint: str = Field(description="Where the engine is.")
    project_id: str | None = Field(description="The engine's project, where the provider has projects.")


class CallAnswer(Schema):
    """What the resource answered. Success is 200 or 201."""

    success: bool
    status: int = Field(description="The HTTP status, or 0 where there was no answer.")
    headers: dict[str, str]
    body: str = Field(description="As text; at most one megabyte.")
    attempts: int
    error: str | None = Field(
        description="Why there was no answer, or null: blocked, interrupted, invalid_request, timeout, tls, too_large "
        "or unreachable."
    )
