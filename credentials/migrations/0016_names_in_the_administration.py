"""What the administration calls the rows; nothing in the database changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credentials", "0015_former_secret_of_a_webhook")]

    operations = [
        migrations.AlterModelOptions("apiintegration", {"verbose_name": "API integration"}),
        migrations.AlterModelOptions(
            "mailswitchedoff", {"verbose_name": "person without mails", "verbose_name_plural": "people without mails"}
        ),
        migrations.AlterModelOptions("oauthtoken", {"verbose_name": "OAuth token"}),
        migrations.AlterModelOptions("webhookdelivery", {"verbose_name_plural": "webhook deliveries"}),
    ]
