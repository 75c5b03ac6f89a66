"""A chain may begin after what was moved to an archive, and only that may be removed from the log."""

from typing import Any

from django.db import migrations, models

REMOVES_WHAT_IS_ARCHIVED = """
    CREATE OR REPLACE FUNCTION organizations_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.position <= (
            SELECT archived FROM organizations_auditchain WHERE id = OLD.chain_id
        ) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
REMOVES_NOTHING = """
    CREATE OR REPLACE FUNCTION organizations_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""


def let_archived_go(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(REMOVES_WHAT_IS_ARCHIVED)


def keep_everything(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(REMOVES_NOTHING)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0002_audit_append_only")]
    operations = [
        migrations.AddField(
            model_name="auditchain",
            name="archived",
            field=models.PositiveBigIntegerField(
                default=0,
                db_default=0,
                help_text="The position of the newest entry that was moved to an archive; the chain begins after it.",
            ),
        ),
        migrations.AddField(
            model_name="auditchain",
            name="archived_hash",
            field=models.CharField(blank=True, default="", db_default="", help_text="The hash of that entry.", max_length=64),
        ),
        migrations.RunPython(let_archived_go, keep_everything),
    ]
