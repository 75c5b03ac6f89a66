"""Change a credential. What is left blank stays; what was authorized for other values does not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from credentials.models import Authorization, Credential, OAuthToken
from credentials.models.authorization import OPEN, AuthorizationStatus
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.services import endings, explain, journal
from credentials.services.add import NameTaken
from credentials.services.authorize import hold_workers
from credentials.services.records import record
from credentials.types.registry import room
from organizations.access import Access
from organizations.policies import Action


class EditedMeanwhile(Exception):
    """Somebody else has saved this credential since the page was opened."""


class SecretsNeeded(Exception):
    """The edit names a host that the stored secrets were not entered for. `fields` have to be entered again."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


def edit(
    access: Access,
    credential: Credential,
    *,
    version: int,
    name: str,
    entered: Mapping[str, Any],
    removed: Sequence[str] = (),
) -> Credential:
    """Save the cleaned values of the edit page; `version` is the one that the page was made from.

    A secret that is blank stays, unless `removed` names it.
    Raises `SecretsNeeded`, `NameTaken`, `EditedMeanwhile`, and `Unsealable` where a secret is to be kept that cannot be
    opened any more.
    """
    access.require(Action.MANAGE_CREDENTIALS)
    authentication = room(credential.kind)
    before = credential.payload
    payload, secrets = authentication.split(entered)
    kept = [field for field, value in secrets.items() if value in ("", None) and field not in removed]
    replaced = [field for field in secrets if field not in kept and field not in removed]
    if kept and authentication.hosts(payload) - authentication.hosts(before):
        raise SecretsNeeded(kept)
    if kept:
        stored = credential.open_secrets()
        secrets |= {field: stored[field] for field in kept if field in stored}
    invalidated = authentication.life_cycle is not None and authentication.invalidates(
        before, payload, replaced=replaced
    )
    credential.seal("secrets", secrets)
    now = database_now()
    fresh = {} if authentication.life_cycle else starting_again(authentication.ends_at(payload), now)
    try:
        with transaction.atomic():
            if invalidated:
                hold_workers(credential)
            saved = Credential.objects.filter(pk=credential.pk, version=version).update(
                name=name,
                payload=payload,
                secrets=credential.secrets,
                version=F("version") + 1,
                updated_at=now,
                updated_by=access.user,
                **fresh,
            )
            if not saved:
                raise EditedMeanwhile
            if invalidated:
                forget_tokens(credential)
            credential.refresh_from_db()
            endings.keep(credential)
            # A field that an older version did not ask for is as good as empty.
            changed = sorted(
                field for field in payload.keys() | before.keys() if payload.get(field, "") != before.get(field, "")
            )
            gone: dict[str, Any] = {"removed": list(removed)} if removed else {}
            record(credential, access.actor, "credential.edited", changed=changed, replaced=replaced, **gone)
    except IntegrityError:
        raise NameTaken from None
    return credential


def starting_again(ends_at: datetime | None, now: datetime) -> dict[str, Any]:
    """The columns of a credential that has no token: what was said of the old values does not hold for the new ones."""
    ended = ends_at is not None and ends_at <= now
    return {"expires_at": ends_at} | (
        {} if ended else {"status": Status.ACTIVE, "status_code": "", "status_reason": ""}
    )


def forget_tokens(credential: Credential) -> None:
    """What was granted was granted to the old values. The generation moves on: a renewal under way cannot come back."""
    now = database_now()
    OAuthToken.objects.filter(pk=credential.pk).update(
        access_token="",
        refresh_token="",
        refresh_at=None,
        expires_at=None,
        failures=0,
        last_error="",
        generation=F("generation") + 1,
        lease_owner="",
        lease_until=None,
    )
    # An authorization under way was asked for with the old values.
    journal.drop_kept_aside(credential.pk, now)
    Authorization.objects.filter(credential=credential, status__in=OPEN).update(
        status=AuthorizationStatus.FAILED, error="changed", code="", verifier="", finished_at=now
    )
    Credential.objects.filter(pk=credential.pk).update(expires_at=None)
    if not room(credential.kind).waits_for_authorization:
        journal.set_status(credential, Status.ACTIVE, "", "", now)
        return
    # One that was never authorized still says so.
    code = "changed" if credential.status_code != "not_authorized" else "not_authorized"
    journal.set_status(credential, Status.NEEDS_AUTHORIZATION, code, explain.reason(code), now)
