"""The table of authentication types, in the order in which the dialog offers them."""

from credentials.types.access_token import AccessToken
from credentials.types.base import CredentialType
from credentials.types.basic import BasicAuthentication
from credentials.types.consumer_authentication import ConsumerAuthentication
from credentials.types.consumer_pre_authentication import ConsumerPreAuthentication
from credentials.types.mutual import MutualAuthentication
from credentials.types.nlu import ThirdPartyNlu
from credentials.types.oauth2 import OAuth2


class UnknownType(LookupError):
    """A row names a type that this version does not have."""


TYPES: dict[str, CredentialType] = {
    "oauth2": OAuth2(),
    "consumer_pre_authentication": ConsumerPreAuthentication(),
    "consumer_authentication": ConsumerAuthentication(),
    "mutual_authentication": MutualAuthentication(),
    "basic_authentication": BasicAuthentication(),
    "access_token": AccessToken(),
    "third_party_nlu": ThirdPartyNlu(),
}


def room(kind: str) -> CredentialType:
    """The room of this kind. Raises `UnknownType`."""
    try:
        return TYPES[kind]
    except KeyError:
        raise UnknownType(kind) from None


def rooms() -> tuple[CredentialType, ...]:
    return tuple(TYPES.values())
