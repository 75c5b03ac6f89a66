"""The rows. One module a concept; a model knows how to seal its own secrets and nothing about protocols."""

from credentials.models.authorization import Authorization
from credentials.models.challenge import ConsumerChallenge
from credentials.models.consumer import ConsumerToken, ConsumerTokenAttempt
from credentials.models.credential import Credential
from credentials.models.domain import Domain
from credentials.models.draft import Draft
from credentials.models.ending import Ending
from credentials.models.endpoint import TokenEndpoint
from credentials.models.identity_provider import ConsumerIdentityProvider
from credentials.models.integration import ApiIntegration
from credentials.models.key_check import KeyCheck
from credentials.models.notice import MailSwitchedOff, Notice, NoticeMail
from credentials.models.token import OAuthToken, TokenAttempt
from credentials.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "ApiIntegration",
    "Authorization",
    "ConsumerChallenge",
    "ConsumerIdentityProvider",
    "ConsumerToken",
    "ConsumerTokenAttempt",
    "Credential",
    "Domain",
    "Draft",
    "Ending",
    "KeyCheck",
    "MailSwitchedOff",
    "Notice",
    "NoticeMail",
    "OAuthToken",
    "TokenAttempt",
    "TokenEndpoint",
    "Webhook",
    "WebhookDelivery",
]
