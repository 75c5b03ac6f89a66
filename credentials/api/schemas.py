"""What goes in and what comes out, as OpenAPI shows it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field, StrictBool, WrapValidator, model_validator

from credentials.models.challenge import ChallengeStatus
from credentials.models.credential import Status
from credentials.services.variables import Value


def scalar(value: Any, inner: Callable[[Any], Any]) -> Value:
    """One sentence instead of one for each of the types that it is not."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError("must be a text, a number, true, false or null")


Variable = Annotated[str | int | float | bool | None, WrapValidator(scalar)]
# A database stores every character but this one.
WITHOUT_NUL = r"^[^\x00]*$"
ConsumerId = Annotated[
    str | None,
    Field(
        max_length=255,
        pattern=WITHOUT_NUL,
        description="The consumer on whose behalf it happens; wanted by Consumer Pre-Authentication.",
    ),
]
ConversationId = Annotated[
    str | None,
    Field(
        max_length=255,
        pattern=WITHOUT_NUL,
        description="The conversation in which it happens; wanted by Consumer Authentication.",
    ),
]
# Why a call of an integration got no answer (`services.call.why`).
NoAnswer = Literal["blocked", "interrupted", "invalid_request", "timeout", "tls", "too_large", "unreachable"]


class Request(Schema):
    """A body. A member that is not known is refused: it is a mistyped one."""

    model_config = ConfigDict(extra="forbid")

    conversation: ConversationId = None
    consumer: ConsumerId = None


class ConsumerHandOver(Schema):
    """Either `code` and `redirect_uri` (Code flow) or `id_token` (Implicit flow)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["code", "redirect_uri"],
                    "properties": {
                        "code": {"type": "string"},
                        "redirect_uri": {"type": "string"},
                        "id_token": {"type": "null"},
                    },
                },
                {
                    "required": ["id_token"],
                    "properties": {
                        "id_token": {"type": "string"},
                        "code": {"type": "null"},
                        "redirect_uri": {"type": "null"},
                        "code_verifier": {"type": "null"},
                    },
                },
            ]
        },
    )

    code: Annotated[str | None, Field(min_length=1, max_length=4000)] = None
    redirect_uri: Annotated[
        str | None, Field(min_length=1, max_length=2000, description="The one that the code was issued to.")
    ] = None
    code_verifier: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$", description="With PKCE (RFC 7636).")
    ] = None
    id_token: Annotated[str | None, Field(min_length=1, max_length=16_384)] = None
    nonce: Annotated[
        str | None, Field(min_length=1, max_length=255, description="Has to be the one in the ID token.")
    ] = None

    @model_validator(mode="after")
    def is_one_of_both(self) -> "ConsumerHandOver":
        if (self.code is None) == (self.id_token is None):
            raise ValueError("send either a code or an id_token")
        if self.code is not None and self.redirect_uri is None:
            raise ValueError("a code comes with the redirect_uri that it was issued to")
        if self.id_token is not None and (self.redirect_uri or self.code_verifier):
            raise ValueError("an id_token comes without redirect_uri and code_verifier")
        return self


class ConsumerAnswer(Schema):
    """`consumer` is what later calls name. `expires_at`: when the token ends, unless it renews itself."""

    consumer: str
    expires_at: datetime | None


class ChallengeRequest(Schema):
    """`subject`: whom the bot expects; somebody else gets no token. `confirm`: the consumer types a code to the bot."""

    model_config = ConfigDict(extra="forbid")

    conversation: Annotated[str, Field(min_length=1, max_length=255, pattern=WITHOUT_NUL)]
    subject: Annotated[str | None, Field(min_length=1, max_length=255, pattern=WITHOUT_NUL)] = None
    confirm: StrictBool = False


class ChallengeLink(Schema):
    """The link to send to the consumer. It works once, until `expires_at`."""

    id: UUID
    url: str
    expires_at: datetime


class ChallengeAnswer(Schema):
    """How a challenge stands."""

    id: UUID
    conversation: str
    status: ChallengeStatus = Field(
        description="waiting, started, received, exchanging, unconfirmed (the consumer has a code for the bot), "
        "succeeded, failed"
    )
    error: str | None = Field(description="Why it failed, in a word: expired, access_denied, wrong_subject, …")
    reason: str = Field(description="The same as a sentence; empty when there is nothing to say.")
    consumer: str | None = Field(description="Who signed in, where the identity provider says so.")
    token_expires_at: datetime | None


class Confirmation(Schema):
    """What the consumer typed in the chat."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=20)]


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
    location: str | None = Field(description="The engine's region, where it is in one; `endpoint` is that region's.")


class CallAnswer(Schema):
    """What the resource answered. Success is 200 or 201."""

    success: bool
    status: int = Field(description="The HTTP status, or 0 where there was no answer.")
    headers: dict[str, str]
    body: str = Field(description="As text; at most one megabyte.")
    attempts: int
    error: NoAnswer | None = Field(description="Why there was no answer; null where there was one.")
