"""Authorizations that ended long ago are found without looking at all of them."""

from django.db import migrations, models

from organizations.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("credentials", "0013_host_of_attempt")]

    operations = [
        AddIndexOnline(
            model_name="authorization",
            index=models.Index(
                condition=models.Q(
                    ("finished_at__isnull", False),
                    models.Q(models.Q(("status", "succeeded"), _negated=True), ("account_subject", ""), _connector="OR"),
                ),
                fields=["finished_at"],
                name="authorization_ended",
            ),
        ),
    ]
