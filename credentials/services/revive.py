"""A key is back: what ended for want of it goes on by itself."""

from functools import reduce
from operator import or_

from django.db.models import Q

from credentials.crypto import envelope
from credentials.crypto.keyring import keyring
from credentials.models import OAuthToken
from credentials.models.clock import database_now
from credentials.models.credential import Status


def with_the_keys_that_are_back() -> int:
    """Make due again what a process without its key gave up, where the keys for it are configured. How many.

    For the start of a worker, which is when a key comes back: what cannot be opened for another reason is tried once
    more then, and not at every sweep.
    """
    given_up = OAuthToken.objects.filter(
        can_be_opened("credential__secrets"),
        can_be_opened("refresh_token"),
        refresh_at=None,
        lease_until=None,
        credential__status=Status.FAILED,
        credential__status_code="secrets_unreadable",
        credential__deactivated_at=None,
    ).exclude(access_token="", refresh_token="")
    return OAuthToken.objects.filter(pk__in=given_up.values("pk")).update(refresh_at=database_now())


def can_be_opened(column: str) -> Q:
    """Whether a sealed column is empty or names a key that this process has."""
    return reduce(
        or_, (Q(**{f"{column}__startswith": envelope.prefix(key)}) for key in keyring().keys), Q(**{column: ""})
    )
