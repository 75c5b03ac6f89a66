"""The database itself refuses to change audit entries, whoever asks.

PostgreSQL refuses UPDATE and DELETE; TRUNCATE stays possible (row triggers do not see it), which is how test suites
empty a database. SQLite refuses UPDATE only: emptying a test database is a DELETE there. What is removed nevertheless
is found by `manage.py verify_audit`.

A later migration that alters AuditEntry makes SQLite build a new table without the trigger: run `protect` again there.
"""

from typing import Any

from django.db import migrations

POSTGRESQL = [
    """
    CREATE FUNCTION organizations_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON organizations_auditentry
    FOR EACH ROW EXECUTE FUNCTION organizations_audit_append_only()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER audit_append_only ON organizations_auditentry",
    "DROP FUNCTION organizations_audit_append_only()",
]
SQLITE = [
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE ON organizations_auditentry
    BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END
    """
]
SQLITE_BACK = ["DROP TRIGGER IF EXISTS audit_append_only"]


def protect(apps: Any, schema_editor: Any) -> None:
    for statement in {"postgresql": POSTGRESQL, "sqlite": SQLITE}.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement)


def release(apps: Any, schema_editor: Any) -> None:
    for statement in {"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK}.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial")]
    operations = [migrations.RunPython(protect, release)]
