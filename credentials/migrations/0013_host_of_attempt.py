"""Requests to token endpoints are counted by host."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0012_deactivated'),
    ]

    operations = [
        migrations.AddField(
            model_name='consumertokenattempt',
            name='host',
            field=models.CharField(blank=True, db_default='', default='', max_length=255),
        ),
        migrations.AddField(
            model_name='tokenattempt',
            name='host',
            field=models.CharField(blank=True, db_default='', default='', max_length=255),
        ),
    ]
