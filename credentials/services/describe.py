"""A credential in words."""

from credentials.models import Credential
from credentials.services import explain
from credentials.types.registry import UnknownType, room


def type_of(credential: Credential) -> str:
    """Its type and what tells it from others of the type: "OAuth 2.0, Client Credentials"."""
    try:
        authentication = room(credential.kind)
    except UnknownType:
        return credential.kind
    variant = authentication.variant(credential.payload)
    return f"{authentication.label}, {variant}" if variant else authentication.label


def reason_of(credential: Credential) -> str:
    """Why its status is what it is, as people and bots are told; "" where there is nothing to say."""
    return explain.reason(credential.stands[1]) if credential.deactivated_at else credential.status_reason
