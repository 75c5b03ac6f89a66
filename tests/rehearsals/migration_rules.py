"""What a migration may do while the version before it serves: read from its operations (`docs/architecture.md`).

The old code knows neither new columns nor new tables, goes on reading and writing those it knows, and keeps plans of
statements that a changed type of a column breaks. Nobody may wait for a lock longer than a moment.
"""

from collections.abc import Iterator, Mapping

from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
    Migration,
    RemoveIndex,
    RenameIndex,
    RunPython,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, ManyToManyField
from django.db.models.fields import NOT_PROVIDED

from organizations.online_index import AddIndexOnline

HARMLESS = (CreateModel, AlterModelOptions, AlterModelManagers)
# Said of what is in no list: a rule has to be thought of for it first.
UNKNOWN = "no rule knows it"


def objections(migration: Migration, before: ProjectState) -> list[str]:
    """What of it the version before could not bear, in words; `before` is the state that it begins with."""
    state = before.clone()
    new_models: set[str] = set()
    found: list[str] = []
    for step in migration.operations:
        for operation in flat([step]):
            if isinstance(operation, CreateModel):
                new_models.add(operation.name_lower)
            elif getattr(operation, "model_name_lower", None) not in new_models:
                reason = objection(operation, migration, state)
                if reason:
                    found.append(f"{operation.describe()}: {reason}")
        step.state_forwards(migration.app_label, state)
    operations = list(flat(migration.operations))
    if any(isinstance(each, RunPython) for each in operations) and len(operations) > 1:
        found.append("data are changed in the same transaction that holds locks of tables: make it two migrations")
    return found


def flat(operations: "list[Operation]") -> Iterator[Operation]:
    """With what `SeparateDatabaseAndState` does to the database in its place."""
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from flat(operation.database_operations)
        else:
            yield operation


def objection(operation: Operation, migration: Migration, state: ProjectState) -> str:
    """Why the version before could not bear `operation` on a table that it knows; "" where it could."""
    match operation:
        case AddIndexOnline():
            return "" if not migration.atomic else "atomic = False is missing: it cannot be built in a transaction"
        case AddIndex():
            return "nobody can write to the table while it is built: use AddIndexOnline"
        case AddField():
            return new_column(operation.field)
        case AlterField():
            known = state.models[migration.app_label, operation.model_name_lower].fields[operation.name]
            return changed_column(known, operation.field)
        case AddConstraint():
            return "the old code may write what it forbids, and the whole table is read under a lock"
        case RunPython() | RunSQL():
            return "" if operation.reversible else "it cannot be taken back"
        case RemoveIndex() | RenameIndex():
            return ""
        case _:
            return "" if isinstance(operation, HARMLESS) else refused(operation)


def refused(operation: Operation) -> str:
    name = type(operation).__name__
    if name.startswith(("Remove", "Delete")):
        return "the old code still asks for it: take it out of the code one version before"
    if name.startswith("Rename") or name == "AlterModelTable":
        return "the old code knows it by its old name"
    return UNKNOWN


def new_column(field: "Field[object, object]") -> str:
    if isinstance(field, ManyToManyField):
        return ""
    if not field.null and field.db_default is NOT_PROVIDED:
        return "the old code does not fill it: null=True or db_default"
    if field.unique or field.db_index:
        return "its index is built under a lock: db_index=False, and AddIndexOnline in a migration of its own"
    return ""


def changed_column(before: "Field[object, object]", after: "Field[object, object]") -> str:
    """Only what the database never hears of may change, and the default that it fills in."""
    return (
        "" if in_the_database(before) == in_the_database(after) else "plans that the old code keeps break: add a column"
    )


def in_the_database(field: "Field[object, object]") -> Mapping[str, object]:
    _, path, _, named = field.deconstruct()
    silent = {*field.non_db_attrs, "default", "db_default", "auto_now", "auto_now_add"}
    return {"class": path} | {name: value for name, value in named.items() if name not in silent}
