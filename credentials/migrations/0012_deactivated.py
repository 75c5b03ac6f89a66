"""Staff may deactivate a credential; the index finds the few that are."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0011_token_endpoint'),
        ('organizations', '0004_invitation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='credential',
            name='deactivated_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(condition=models.Q(('deactivated_at__isnull', False)), fields=['organization'], name='credential_deactivated'),
        ),
    ]
