"""What the list of credentials is found by, in whatever order and with whatever filter."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0008_proving_an_authorization'),
        ('organizations', '0002_audit_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(fields=['organization', 'created_at', 'id'], name='credential_by_age'),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(fields=['organization', 'last_used_at', 'id'], name='credential_by_use'),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(fields=['organization', 'status', 'kind'], name='credential_by_status'),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(fields=['organization', 'kind', 'status'], name='credential_by_kind'),
        ),
        migrations.AddIndex(
            model_name='credential',
            index=models.Index(condition=models.Q(('expires_at__isnull', False)), fields=['organization', 'expires_at'], name='credential_by_end'),
        ),
        migrations.AddIndex(
            model_name='oauthtoken',
            index=models.Index(condition=models.Q(('failures__gt', 0), ('refresh_at__isnull', False)), fields=['organization'], name='token_failing'),
        ),
    ]
