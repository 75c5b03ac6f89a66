"""An index of a table in use, in a migration of its own that is no transaction."""

from django.db import migrations, models

from organizations.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("credentials", "9901_columns_and_a_table")]
    operations = [
        AddIndexOnline("credential", models.Index(fields=["organization", "tint"], name="credential_by_tint"))
    ]
