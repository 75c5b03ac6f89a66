"""An index of a table that is in use: built on PostgreSQL without keeping anybody from writing."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex
from django.db.migrations.state import ProjectState

STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexOnline(AddIndexConcurrently):
    """`AddIndex` for a migration with `atomic = False`; SQLite, which serves one machine, builds it as ever.

    It can be run again: PostgreSQL leaves an invalid index behind where building one was interrupted, which is dropped
    first, and one that was built by a run that died before it said so stays.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        if not self._is_there(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def _is_there(self, schema_editor: BaseDatabaseSchemaEditor) -> bool:
        """Whether it was built already; an invalid one is dropped."""
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(STATE, [name])
            found = cursor.fetchone()
        if found is not None and not found[0]:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {name}")
        return bool(found and found[0])

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
            return
        super().database_backwards(app_label, schema_editor, from_state, to_state)
