"""The secret that a webhook had before, and until when messages are signed with it, too."""

from django.db import migrations, models

import credentials.crypto.fields


class Migration(migrations.Migration):
    dependencies = [("credentials", "0014_old_authorizations")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="previous_secret",
            field=credentials.crypto.fields.EncryptedField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="webhook",
            name="previous_until",
            field=models.DateTimeField(null=True),
        ),
    ]
