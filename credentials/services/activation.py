"""Deactivate a credential and activate it again: what staff do when something is wrong with it or its use.

Nothing is lost. From its next use on it is refused, and nothing is renewed or authorized; its own state is kept
beneath, so that it goes on where it was once it is activated. People may edit it meanwhile: to mend it is often why.
"""

from django.db import transaction

from credentials.models import Credential, OAuthToken
from credentials.models.clock import database_now
from credentials.models.credential import DEACTIVATED
from credentials.services import explain
from credentials.services.records import record
from organizations.audit import Actor


class Deactivated(Exception):
    """Nothing may be asked of a resource with it. The message says what a person can do."""


def require_active(credential: Credential) -> None:
    """Raise `Deactivated` where staff have deactivated it."""
    if credential.deactivated_at is not None:
        explained = explain.explanation(DEACTIVATED)
        raise Deactivated(f"{explained.happened[:1].upper()}{explained.happened[1:]}. {explained.remedy}")


@transaction.atomic
def deactivate(by: Actor, credential: Credential) -> bool:
    """Refuse every use from the next one on. False where it was deactivated before."""
    rows = Credential.objects.filter(pk=credential.pk, deactivated_at=None)
    if not rows.update(deactivated_at=database_now()):
        return False
    OAuthToken.objects.filter(pk=credential.pk).update(refresh_at=None)
    record(credential, by, "credential.deactivated")
    return True


@transaction.atomic
def activate(by: Actor, credential: Credential) -> bool:
    """Let it be used again, with a renewal first where there is something to renew. False where it is active."""
    rows = Credential.objects.filter(pk=credential.pk).exclude(deactivated_at=None)
    if not rows.update(deactivated_at=None):
        return False
    tokens = OAuthToken.objects.filter(pk=credential.pk, lease_until=None)
    tokens.exclude(access_token="", refresh_token="").update(refresh_at=database_now())
    record(credential, by, "credential.activated")
    return True
