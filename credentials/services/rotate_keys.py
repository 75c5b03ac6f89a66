"""Seal every secret again with the primary key, while everything keeps running.

Each row is rewritten by an UPDATE that only matches the envelope that was read, so a secret that somebody writes at the
same moment is never lost. No lock is held between rows. What is done stays done: a run that was killed is finished by
running again, since only envelopes of other keys are looked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from credentials.crypto import envelope
from credentials.crypto.fields import EncryptedField, SealedModel, sealed_fields
from credentials.crypto.keyring import keyring
from credentials.models.key_check import KeyCheck
from organizations import audit

BATCH_SIZE = 200
# A row that changes again and again is being used; it is left to the next run rather than chased.
ATTEMPTS = 5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LeftAlone:
    """An envelope that did not open: where it stands, and why. `reason` never holds data."""

    table: str
    column: str
    row: str
    reason: str


@dataclass
class FieldTally:
    """One sealed column, in rows: already on the primary key, rewritten, not openable, and in the end on another key.

    `left` counts the unopenable ones, and what somebody sealed with another key while the walk went by.
    """

    table: str
    column: str
    current: int = 0
    resealed: int = 0
    unopenable: int = 0
    left: int = 0


@dataclass
class Rotation:
    """What one run did."""

    primary: str
    fields: list[FieldTally] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is left on another key."""
        return not any(tally.left for tally in self.fields)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "complete": self.complete}


def rotate_keys(*, batch_size: int = BATCH_SIZE, progress: Progress = lambda done, total: None) -> Rotation:
    """Walk every sealed column in batches of `batch_size` rows, in the order of the primary key.

    `progress` is called with (rows done, rows in all) after every row. The run is audited when it begins and when it
    ends, in the system's chain.
    """
    ring = keyring()
    KeyCheck.record(ring)
    rotation = Rotation(primary=ring.primary.id)
    _audit("keys.rotation_started", "ok", {"primary": rotation.primary})
    columns = list(sealed_fields())
    total = sum(_stale(model, column).count() for model, column in columns)
    done = 0
    for model, column in columns:
        tally = FieldTally(*column.place)
        tally.current = _filled(model, column).filter(**_is_current(column)).count()
        rotation.fields.append(tally)
        for row in _in_batches(_stale(model, column), batch_size):
            _reseal(row, column, tally, rotation.left_alone)
            done += 1
            progress(done, max(done, total))
        tally.left = _stale(model, column).count()
    _audit("keys.rotated", "ok" if rotation.complete else "incomplete", _totals(rotation))
    return rotation


def _filled(model: type[SealedModel], column: EncryptedField) -> QuerySet[SealedModel]:
    return model._base_manager.exclude(**{column.name: ""}).exclude(**{f"{column.name}__isnull": True})


def _stale(model: type[SealedModel], column: EncryptedField) -> QuerySet[SealedModel]:
    return _filled(model, column).exclude(**_is_current(column))


def _is_current(column: EncryptedField) -> dict[str, str]:
    return {f"{column.name}__startswith": envelope.prefix(keyring().primary.id)}


def _in_batches(rows: QuerySet[SealedModel], size: int) -> Iterator[SealedModel]:
    """Each row once; rows that stay as they are do not come again, so the walk ends."""
    rows = rows.order_by("pk")
    batch = list(rows[:size])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:size])


def _reseal(row: SealedModel, column: EncryptedField, tally: FieldTally, left_alone: list[LeftAlone]) -> None:
    same_row = type(row)._base_manager.filter(pk=row.pk)
    for _ in range(ATTEMPTS):
        seen = getattr(row, column.attname)
        try:
            sealed = row.sealed_with_primary(column.name)
        except (envelope.Unsealable, ValueError) as reason:
            tally.unopenable += 1
            left_alone.append(LeftAlone(tally.table, tally.column, str(row.pk), str(reason)))
            return
        if same_row.filter(**{column.name: seen}).update(**{column.name: sealed}):
            tally.resealed += 1
            return
        # Somebody wrote or deleted it meanwhile, perhaps a process that was started with the old keys.
        fresh = same_row.exclude(**{column.name: ""}).exclude(**{f"{column.name}__isnull": True}).first()
        if fresh is None:
            return
        row = fresh
        if getattr(row, column.attname).startswith(envelope.prefix(keyring().primary.id)):
            tally.current += 1
            return


def _totals(rotation: Rotation) -> dict[str, Any]:
    counted = ("current", "resealed", "unopenable", "left")
    totals = {name: sum(getattr(tally, name) for tally in rotation.fields) for name in counted}
    return {"primary": rotation.primary, **totals}


@transaction.atomic
def _audit(action: str, outcome: str, details: dict[str, Any]) -> None:
    audit.record(None, audit.Actor.command("rotate_keys"), action, outcome=outcome, details=details)
