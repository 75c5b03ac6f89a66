"""Drop the index of an entry's chain: the one of chain and position begins with it, and every use pays for each."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.deletion import PROTECT


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """By hand, because SQLite would make the table anew, without the triggers that keep it append-only."""
    entry = apps.get_model("organizations", "AuditEntry")
    [name] = schema_editor._constraint_names(entry, ["chain_id"], index=True, unique=False)
    schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    entry = apps.get_model("organizations", "AuditEntry")
    schema_editor.execute(schema_editor._create_index_sql(entry, fields=[entry._meta.get_field("chain")]))


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_service_token_scopes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, create)],
            state_operations=[
                migrations.AlterField(
                    "auditentry",
                    "chain",
                    models.ForeignKey(
                        db_index=False, on_delete=PROTECT, related_name="entries", to="organizations.auditchain"
                    ),
                )
            ],
        )
    ]
