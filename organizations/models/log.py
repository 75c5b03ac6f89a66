"""The audit log: chains of entries, append-only."""

import uuid
from typing import Any, NoReturn, Self

from django.db import models

from organizations.models.people import Organization


class AuditChain(models.Model):
    """The head of one hash chain. Its row is locked for every append.

    The id is the organization's own, or `SYSTEM_CHAIN` for what belongs to none. It is deliberately no foreign key:
    the record of an organization outlives the organization.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    position = models.PositiveBigIntegerField(default=0, help_text="The position of the newest entry.")
    head = models.CharField(max_length=64, blank=True, help_text="The hash of the newest entry.")
    archived = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        help_text="The position of the newest entry that was moved to an archive; the chain begins after it.",
    )
    archived_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="The hash of that entry."
    )

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return "system" if self.id == SYSTEM_CHAIN else str(self.id)


SYSTEM_CHAIN = uuid.UUID(int=0)


class AppendOnly(TypeError):
    """Somebody tried to change or remove what is only ever added to."""

    def __init__(self) -> None:
        super().__init__("Audit entries are only ever added, by organizations.audit.")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Reading only; the database refuses on its own as well (see the migrations)."""

    def of(self, organization: Organization | None) -> Self:
        """The entries of one organization, or of the system when there is none."""
        return self.filter(chain_id=SYSTEM_CHAIN if organization is None else organization.pk)

    def about(self, object_type: str, object_id: object) -> Self:
        """The entries about one object, such as `about("credential", credential.pk)`; combine with `of()`."""
        return self.filter(object_type=object_type, object_id=str(object_id))

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One thing that was done or refused: who, what, to which object, with which outcome. Never a secret."""

    # The constraint below has an index that begins with it.
    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="entries", db_index=False)
    position = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=255, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=40)
    details = models.JSONField(default=dict, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["chain_id", "-position"]
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="audit_position_unique")]
        # The three questions of the activity pages, each answered newest first from one index.
        indexes = [
            models.Index(fields=["chain", "action", "position"], name="audit_by_action"),
            models.Index(fields=["chain", "actor_id", "position"], name="audit_by_actor"),
            models.Index(fields=["chain", "object_id", "position"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id} #{self.position} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self, using: Any = None, keep_parents: bool = False) -> NoReturn:
        raise AppendOnly

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        """Only a fixture being loaded (`raw`) comes this way; it may add entries, not change one."""
        if not kwargs.get("raw") or not self._state.adding:
            raise AppendOnly
        super().save_base(*args, **kwargs)

    @property
    def what(self) -> str:
        """The action in words: `service_token.created` is "Service token created"."""
        return self.action.replace(".", " ").replace("_", " ").capitalize()
