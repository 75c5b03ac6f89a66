"""Sealed columns. The attribute of a sealed field holds the envelope as text; plaintext goes in by `seal` and comes out
by `unseal`, and is never kept on the instance, so no form, serializer, `repr` or error report can show it.

An envelope is bound to its table, row, column and scope. Renaming a table or a column that holds sealed values, or
moving a row to another organization, needs a step that seals them again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from django.apps import apps
from django.core import checks
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from credentials.crypto import envelope
from credentials.crypto.keyring import keyring

JSON: TypeAlias = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | float | bool | None

_SEPARATOR = "|"


class EncryptedField(models.TextField):
    """A column of envelopes; empty is `""` (or `None` where the column is nullable). Never editable in a form.

    Anything that is not an envelope is refused with `ValueError` on its way to the database.
    """

    description = "A sealed secret"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs["blank"] = True
        kwargs.setdefault("default", None if kwargs.get("null") else "")
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("editable", "blank"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs

    @property
    def place(self) -> tuple[str, str]:
        """Table and column, as the database names them. A child model's inherited column is in its parent's table."""
        return self.model._meta.db_table, str(self.column)

    def formfield(self, *args: Any, **kwargs: Any) -> None:
        """No form, the administration's neither, has a widget for a sealed value."""

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        # An expression (Case of bulk_update, F of another row) carries values that passed here or in `seal` before.
        if value and not hasattr(value, "resolve_expression"):
            self._require_envelope(value)
        return super().get_db_prep_save(value, connection)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_model()]

    def _require_envelope(self, value: object) -> None:
        try:
            if isinstance(value, str):
                envelope.key_id(value)
                return
        except envelope.Unsealable:
            pass
        raise ValueError(f"{self.model._meta.label}.{self.name} takes an envelope; use seal()")

    def _check_model(self) -> list[checks.CheckMessage]:
        if issubclass(self.model, SealedModel):
            return []
        hint = "Derive the model from credentials.crypto.fields.SealedModel."
        return [checks.Error("An EncryptedField needs a SealedModel.", hint=hint, obj=self, id="credentials.E010")]


class SealedModel(models.Model):
    """A row that seals its own secrets."""

    class Meta:
        abstract = True

    def __repr__(self) -> str:
        return f"<{self._meta.label} {self.pk}>"

    def sealing_scope(self) -> str:
        """Whom the secret belongs to: the organization's id unless a model says otherwise. `ValueError` without one."""
        field = self._meta.get_field("organization")
        return _canonical(field, self.serializable_value("organization"), "an organization")

    def seal(self, field: str, value: JSON) -> None:
        """Set `field` to an envelope of `value`, or to empty for `None`. It is written by the next `save()`.

        Raises `ValueError` where the row has no primary key or scope yet, or the value is not JSON (NaN is not).
        """
        column = self._sealed_field(field)
        if value is None:
            setattr(self, field, column.get_default())
            return
        plaintext = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
        sealed = envelope.seal(plaintext, key=keyring().primary, context=self._sealing_context(column))
        setattr(self, field, sealed)

    def unseal(self, field: str) -> JSON | None:
        """The value; `None` when there is none. Raises `Unsealable`."""
        column = self._sealed_field(field)
        sealed = getattr(self, field)
        if not sealed:
            return None
        value: JSON = json.loads(self._open(column, sealed))
        return value

    def sealed_with_primary(self, field: str) -> str:
        """The same plaintext in an envelope of the primary key; the attribute stays as it is. Raises `Unsealable`."""
        column = self._sealed_field(field)
        plaintext = self._open(column, getattr(self, field))
        return envelope.seal(plaintext, key=keyring().primary, context=self._sealing_context(column))

    def _open(self, column: EncryptedField, sealed: str) -> bytes:
        return envelope.open_envelope(sealed, keys=keyring().keys, context=self._sealing_context(column))

    def _sealed_field(self, name: str) -> EncryptedField:
        field = self._meta.get_field(name)
        if not isinstance(field, EncryptedField):
            raise TypeError(f"{self._meta.label}.{name} is not a sealed field")
        return field

    def _sealing_context(self, column: EncryptedField) -> str:
        """`table|pk|column|scope`, the associated data of the envelope."""
        row = _canonical(self._meta.pk, self.pk, "a primary key")
        table, name = column.place
        parts = (table, row, name, self.sealing_scope())
        if any(_SEPARATOR in part for part in parts):
            # Two different places must never spell one context.
            raise ValueError(f"{self._meta.label} cannot be sealed: a part of its place contains {_SEPARATOR!r}")
        return _SEPARATOR.join(parts)


def sealed_fields() -> Iterator[tuple[type[SealedModel], EncryptedField]]:
    """Every sealed column of the database once, with the model that has it: what a rotation of keys walks."""
    for model in apps.get_models():
        if issubclass(model, SealedModel) and not model._meta.proxy:
            for field in model._meta.local_fields:
                if isinstance(field, EncryptedField):
                    yield model, field


def _canonical(field: Any, value: object, what: str) -> str:
    """One spelling of an identifier: a UUID given as text in capitals is the UUID that the database will answer."""
    if value is None:
        raise ValueError(f"a row needs {what} before a secret can be sealed in it")
    return str(field.to_python(value))
