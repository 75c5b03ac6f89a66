"""Test a refresh now: whether renewing works is better known right after the authorization than an hour later."""

from dataclasses import dataclass
from datetime import datetime

from credentials.crypto.envelope import Unsealable
from credentials.models import Credential, OAuthToken
from credentials.services import activation
from credentials.services.refresh import Outcome, refresh
from organizations.access import Access
from organizations.policies import Action


@dataclass(frozen=True)
class Tested:
    """`reason` is a clause that says why it failed; `rotated`: the resource replaced the refresh token."""

    outcome: Outcome
    reason: str = ""
    expires_at: datetime | None = None
    rotated: bool = False


def test_refresh(access: Access, credential: Credential) -> Tested:
    """Renew the token though it is not due, under the lease and with the journal that every renewal has.

    It takes as long as one call to the token endpoint. The journal's audit entry names the person.
    Raises `Deactivated`.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    activation.require_active(credential)
    before = OAuthToken.objects.filter(pk=credential.pk).first()
    if before is None or not before.access_token:
        return Tested(Outcome.NOT_DUE)
    outcome = refresh(credential.pk, actor=access.actor, instead_of=before.generation)
    after = OAuthToken.objects.filter(pk=credential.pk).first()
    if after is None:
        return Tested(Outcome.ENDED, "it was deleted")
    if outcome is not Outcome.RENEWED:
        return Tested(outcome, after.last_error)
    return Tested(outcome, expires_at=after.expires_at, rotated=refresh_token_of(before) != refresh_token_of(after))


def refresh_token_of(token: OAuthToken) -> str:
    try:
        return str(token.unseal("refresh_token") or "")
    except Unsealable:
        return ""
