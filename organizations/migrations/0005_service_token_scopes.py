"""Service tokens get scopes and may be restricted to named credentials; those that exist keep all they had."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# As they were called when this was written.
ALL = ["credentials:read", "tokens:read", "integrations:call", "consumers:write", "domains:train"]


def keep_what_they_had(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("organizations", "ServiceToken").objects.update(scopes=ALL)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0004_invitation")]

    operations = [
        migrations.AddField(
            model_name="servicetoken",
            name="credential_ids",
            field=models.JSONField(
                blank=True, help_text="The credentials that it may be used with; null is every one.", null=True
            ),
        ),
        migrations.AddField(
            model_name="servicetoken",
            name="scopes",
            field=models.JSONField(
                default=list, help_text="What it may do: names of organizations.scopes.Scope."
            ),
        ),
        migrations.RunPython(keep_what_they_had, migrations.RunPython.noop),
    ]
