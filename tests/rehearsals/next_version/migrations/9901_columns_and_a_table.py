"""Columns that may be null or that the database fills, in the busiest tables, and a table that nobody knows yet."""

import django.db.models.deletion
from django.db import migrations, models

from tests.rehearsals.next_version.newest import NEWEST


class Migration(migrations.Migration):
    dependencies = [("credentials", NEWEST)]
    operations = [
        migrations.AddField("credential", "tint", models.CharField(max_length=20, default="", db_default="")),
        migrations.AddField("oauthtoken", "seen_at", models.DateTimeField(null=True)),
        migrations.AddField("tokenattempt", "region", models.CharField(max_length=20, default="", db_default="")),
        migrations.CreateModel(
            "Label",
            [
                ("id", models.BigAutoField(primary_key=True)),
                (
                    "credential",
                    models.ForeignKey("credentials.Credential", on_delete=django.db.models.deletion.CASCADE),
                ),
                ("text", models.CharField(max_length=20)),
            ],
        ),
    ]
