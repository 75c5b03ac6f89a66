"""Versions of integrations and domains, for two people who edit at once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0004_consumer_challenge'),
    ]

    operations = [
        migrations.AddField(
            model_name='apiintegration',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='domain',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
    ]
