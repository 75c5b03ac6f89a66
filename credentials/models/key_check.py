"""What the database remembers of the keys that its secrets are sealed with."""

from collections import Counter

from django.db import models
from django.db.models import Count, Value
from django.db.models.functions import Greatest, StrIndex, Substr
from django.utils import timezone

from credentials.crypto import envelope
from credentials.crypto.fields import sealed_fields
from credentials.crypto.keyring import Keyring


class KeyCheck(models.Model):
    """The fingerprint of a key, written when the key is first used with this database and never changed.

    It tells another key of the same id before anything is sealed with it. It outlives its key, whose id is not given
    to another one.
    """

    key_id = models.CharField(primary_key=True, max_length=32)
    fingerprint = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.key_id

    @classmethod
    def record(cls, ring: Keyring) -> None:
        """Remember the keys that are not known yet. Several processes may do it at once: the first one counts."""
        known = set(cls._base_manager.values_list("key_id", flat=True))
        new = [cls(key_id=name, fingerprint=mark) for name, mark in ring.fingerprints.items() if name not in known]
        if new:
            cls._base_manager.bulk_create(new, ignore_conflicts=True)

    @classmethod
    def contradicted(cls, ring: Keyring) -> list[str]:
        """Ids under which the keyring holds another key than the one that this database was used with."""
        known = dict(cls._base_manager.values_list("key_id", "fingerprint"))
        return [name for name, mark in ring.fingerprints.items() if known.get(name, mark) != mark]


def lost_keys(ring: Keyring) -> Counter[str]:
    """Key id -> how many secrets are sealed with it, for keys that the ring does not have. `""`: not an envelope."""
    lost: Counter[str] = Counter()
    after_version = len(envelope.VERSION) + 2
    for model, field in sealed_fields():
        rows = model._base_manager.exclude(**{field.name: ""}).exclude(**{f"{field.name}__isnull": True})
        for name in ring.keys:
            rows = rows.exclude(**{f"{field.name}__startswith": envelope.prefix(name)})
        rest = Substr(field.name, after_version)
        # A text without the second colon must not ask the database for a negative length.
        name_length = Greatest(StrIndex(rest, Value(":")) - 1, Value(0))
        counted = rows.order_by().values(lost_key=Substr(rest, 1, name_length)).annotate(secrets_lost=Count("pk"))
        lost.update(dict(counted.values_list("lost_key", "secrets_lost")))
    return lost
